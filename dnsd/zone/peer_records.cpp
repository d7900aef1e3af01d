// The records of one peer, in three sections: what a view is told of it (show), which names and
// types exist, and the records themselves (emit). Runs on every thread that answers, and on the
// control thread for dumps. Nothing is looked up here: zone.cpp finds the peer, and writes what
// belongs to an answer as a whole (SOA, referrals, additional records).

#include "dnsd/zone/peer_records.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/bytes.hpp"

namespace dnsd {
namespace {

using dns::RrType;
using Form = schema::PeerName::Form;

constexpr std::size_t max_text_octets = 16384;  // of one TXT record; longer allowed-ips are cut
constexpr std::size_t max_text_string = 255;    // RFC 1035 §3.3

// Lower is preferred (RFC 2782). A host name comes last, as fixed endpoints do.
constexpr std::uint16_t priority_ipv6 = 0;
constexpr std::uint16_t priority_ipv4 = 10;
constexpr std::uint16_t priority_host = 20;

/// One <character-string>; nothing when it does not fit.
void write_text_string(base::ByteWriter& writer, std::string_view text) {
  if (text.size() > max_text_string || writer.room() < text.size() + 1) return;
  writer.u8(static_cast<std::uint8_t>(text.size()));
  writer.bytes(base::as_bytes(text));
}

/// `allowed=<cidr,cidr>`, then `allowed2=`, `allowed3=` …
void write_allowed_strings(base::ByteWriter& writer, std::span<const base::Prefix> prefixes) {
  std::string text;
  unsigned number = 1;
  for (const base::Prefix& prefix : prefixes) {
    const std::string one = prefix.to_string();
    if (!text.empty() && text.size() + 1 + one.size() > max_text_string) {
      write_text_string(writer, text);
      text.clear();
      ++number;
    }
    if (text.empty()) {
      text = number == 1 ? "allowed=" : fmt::format("allowed{}=", number);
    } else {
      text += ',';
    }
    text += one;
  }
  if (!text.empty()) write_text_string(writer, text);
}

/// SRV rdata up to the target.
void write_srv_head(base::ByteWriter& writer, std::uint16_t priority, base::Port port) {
  writer.u16(priority);
  writer.u16(0);  // weight: there is nothing to choose between
  writer.u16(base::to_number(port));
}

RrType type_of(const base::IpAddress& address) {
  return address.is_ipv4() ? RrType::a : RrType::aaaa;
}

}  // namespace

// What a view is told

bool PeerRecords::needs_snapshot(View view) const {
  return options_.opens(&PublicParts::since, view) || options_.opens(&PublicParts::allowed, view) ||
         options_.opens(&PublicParts::names, view) || options_.opens(&PublicParts::map, view);
}

bool PeerRecords::shows(const std::optional<base::Endpoint>& endpoint, View view) const {
  return endpoint && is_published(*endpoint, view, options_.publish_private);
}

bool PeerRecords::show_endpoints(const PeerEndpoints& known, View view, VisiblePeer& peer) const {
  if (shows(known.ipv4, view)) peer.endpoints.ipv4 = known.ipv4;
  if (shows(known.ipv6, view)) peer.endpoints.ipv6 = known.ipv6;
  return peer.has_endpoint();
}

void PeerRecords::show(PeerSnapshot known, View view, VisiblePeer& peer) const {
  // Times and staleness are those of endpoints: told only of endpoints that are shown.
  const bool has_endpoint = show_endpoints(known.endpoints, view, peer);
  if (has_endpoint && options_.opens(&PublicParts::since, view)) {
    if (known.since != base::WallTime{}) peer.since = known.since;
    peer.stale = known.stale;
  }
  peer.is_relayed = known.is_relayed;
  const bool is_told_allowed = options_.opens(&PublicParts::allowed, view);
  if (is_told_allowed) peer.allowed_ip = known.allowed_ip;
  if (!known.detail) return;
  peer.detail = std::move(known.detail);
  const PeerDetail& detail = *peer.detail;
  if (detail.is_hub) peer.is_relayed = false;  // a point does not pass on to itself
  if (!has_endpoint && detail.host_target) peer.host_target = &*detail.host_target;
  if (is_told_allowed) peer.allowed_ips = detail.allowed_ips;
  if (options_.opens(&PublicParts::names, view)) peer.name = detail.name;
  peer.is_hub = detail.is_hub && view == View::private_view;
  if (options_.opens(&PublicParts::map, view)) peer.mapping = detail.mapping;
}

// Names and types

bool PeerRecords::exists(const schema::PeerName& name, const VisiblePeer& peer) const {
  switch (name.form) {
    case Form::host:
    case Form::protocol:
    case Form::service:
    case Form::instance:
      return true;
    case Form::address: {
      const auto& endpoint = name.address->is_ipv4() ? peer.endpoints.ipv4 : peer.endpoints.ipv6;
      return endpoint && endpoint->address == *name.address;
    }
    case Form::lan:
      return peer.lan != nullptr;
    case Form::path:
      return peer.paths != nullptr;
    case Form::other:
      break;
  }
  return false;
}

PeerTypes PeerRecords::types_at(const schema::PeerName& name, const VisiblePeer& peer) const {
  PeerTypes types;
  const bool is_service = name.form == Form::service || name.form == Form::instance;
  if (is_service && (peer.has_endpoint() || peer.host_target != nullptr)) types.add(RrType::srv);
  if (is_service || name.form == Form::lan || name.form == Form::path) types.add(RrType::txt);
  if (name.form == Form::host || name.form == Form::instance) {
    if (peer.endpoints.ipv4) types.add(RrType::a);
    if (peer.endpoints.ipv6) types.add(RrType::aaaa);
  }
  if (name.form == Form::address) types.add(type_of(*name.address));
  return types;
}

// Records

bool PeerRecords::emit(const schema::PeerName& name, const VisiblePeer& peer, RrType type,
                       const Emission& to) const {
  switch (name.form) {
    case Form::host:
      return emit_address(peer, type, to);
    case Form::service:
    case Form::instance:
      if (type == RrType::srv) return emit_srv(name, peer, to);
      if (type != RrType::txt) return name.form == Form::instance && emit_address(peer, type, to);
      emit_text(name, peer, to);
      return true;
    case Form::address:
      if (type != type_of(*name.address)) return false;
      to.add(type, options_.endpoint_ttl, name.address->bytes());
      return true;
    case Form::lan:
      if (type != RrType::txt) return false;
      emit_lan(*peer.lan, to);
      return true;
    case Form::path:
      if (type != RrType::txt) return false;
      emit_paths(*peer.paths, to);
      return true;
    case Form::protocol:
    case Form::other:
      break;
  }
  return false;
}

bool PeerRecords::emit_address(const VisiblePeer& peer, RrType type, const Emission& to) const {
  if (type != RrType::a && type != RrType::aaaa) return false;
  const auto& endpoint = type == RrType::a ? peer.endpoints.ipv4 : peer.endpoints.ipv6;
  if (!endpoint) return false;
  to.add(type, options_.endpoint_ttl, endpoint->address.bytes());
  return true;
}

bool PeerRecords::emit_srv(const schema::PeerName& name, const VisiblePeer& peer,
                           const Emission& to) const {
  struct Record {
    std::array<std::uint8_t, dns::srv_target_offset + dns::max_name_octets> rdata;
    std::size_t size;
    const base::IpAddress* address;

    [[nodiscard]] base::Bytes octets() const { return base::Bytes(rdata).first(size); }
  };
  std::array<Record, 2> records;
  std::size_t count = 0;
  const auto make = [&](std::uint16_t priority, const std::optional<base::Endpoint>& endpoint) {
    if (!endpoint) return;
    base::ByteWriter writer(records[count].rdata);
    write_srv_head(writer, priority, endpoint->port);
    schema::write_address_name(endpoint->address, name.label, options_.apex, writer);
    records[count].size = writer.size();
    records[count++].address = &endpoint->address;
  };
  // A client of wgsd takes the first pair, and may have no IPv6.
  if (is_as_wgsd(name)) make(priority_ipv4, peer.endpoints.ipv4);
  make(priority_ipv6, peer.endpoints.ipv6);
  if (!is_as_wgsd(name)) make(priority_ipv4, peer.endpoints.ipv4);
  if (count == 0) return emit_host_srv(peer, to);
  const std::span<const Record> made = std::span(records).first(count);
  for (const Record& record : made) to.add(RrType::srv, options_.endpoint_ttl, record.octets());
  if (!to.with_targets) return true;
  for (const Record& record : made) {
    const auto target = dns::parse_name_view(record.octets().subspan(dns::srv_target_offset));
    to.sink.add(dns::Section::additional, *target, type_of(*record.address), options_.endpoint_ttl,
                record.address->bytes());
  }
  return true;
}

/// The SRV record of a peer whose endpoint is a host name.
bool PeerRecords::emit_host_srv(const VisiblePeer& peer, const Emission& to) const {
  if (peer.host_target == nullptr) return false;
  std::array<std::uint8_t, dns::srv_target_offset + dns::max_name_octets> rdata;
  base::ByteWriter writer(rdata);
  write_srv_head(writer, priority_host, peer.host_target->port);
  writer.bytes(peer.host_target->name.view().wire());
  to.add(RrType::srv, options_.endpoint_ttl, writer.written());
  return true;
}

void PeerRecords::emit_text(const schema::PeerName& name, const VisiblePeer& peer,
                            const Emission& to) const {
  std::array<std::uint8_t, max_text_octets> rdata;
  base::ByteWriter writer(rdata);
  write_text_string(writer, "txtvers=1");
  write_text_string(writer, "pub=" + name.key.to_base64());
  if (peer.relays) {
    for (const std::string& relays : *peer.relays) write_text_string(writer, relays);
  }
  write_allowed_strings(writer, peer.allowed_ips);
  if (peer.allowed_ip) write_allowed_strings(writer, {&*peer.allowed_ip, 1});
  if (!peer.name.empty()) write_text_string(writer, fmt::format("name={}", peer.name));
  if (peer.since) {
    write_text_string(writer, fmt::format("since={}", peer.since->time_since_epoch().count()));
  }
  if (peer.stale)
    write_text_string(writer, fmt::format("stale={}", peer.stale->time_since_epoch().count()));
  if (peer.is_hub) write_text_string(writer, "role=hub");
  if (peer.mapping) write_text_string(writer, fmt::format("map={}", to_string(*peer.mapping)));
  to.add(RrType::txt, options_.endpoint_ttl, writer.written());
}

void PeerRecords::emit_lan(const schema::LanEndpoints& lan, const Emission& to) const {
  std::array<std::uint8_t, schema::max_lan_text_octets> rdata;
  base::ByteWriter writer(rdata);
  schema::write_lan_text(writer, lan);
  to.add(RrType::txt, options_.endpoint_ttl, writer.written());
}

void PeerRecords::emit_paths(const schema::PeerPaths& paths, const Emission& to) const {
  for (const schema::PeerPath& path : paths) {
    std::array<std::uint8_t, schema::max_path_text_octets> rdata;
    base::ByteWriter writer(rdata);
    schema::write_path_text(writer, path);
    to.add(RrType::txt, options_.endpoint_ttl, writer.written());
  }
}

bool PeerRecords::emit_list(std::span<const wg::PublicKey> keys, const Emission& to) const {
  for (const wg::PublicKey& key : keys) {
    const dns::Name target = options_.wgsd ? schema::padded_instance_name(key, options_.apex)
                                           : schema::instance_name(key, options_.apex);
    to.add(RrType::ptr, options_.endpoint_ttl, target.view().wire());
  }
  return !keys.empty();
}

}  // namespace dnsd
