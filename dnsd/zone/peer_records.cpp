#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "dnsd/zone/zone.hpp"

// What the records of each node are, for replies and for the dump of a view.
namespace dnsd {

using dns::RrType;
using dns::Section;

namespace {

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
constexpr std::size_t srv_head_octets = 6;

RrType type_of(const base::IpAddress& address) {
  return address.is_ipv4() ? RrType::a : RrType::aaaa;
}

}  // namespace

/// Writes the RRset of one type. \return false: the node has none.
bool Zone::emit(const Node& node, RrType type, const Emission& to) const {
  const bool has_static = emit_static(node, type, to);
  switch (node.dynamic) {
    case Node::Dynamic::host:
      return emit_addresses(node, type, to);
    case Node::Dynamic::service:
    case Node::Dynamic::instance:
      if (type == RrType::srv) return emit_srv(node, to);
      if (type != RrType::txt)
        return node.dynamic == Node::Dynamic::instance && emit_addresses(node, type, to);
      emit_text(node, to);
      return true;
    case Node::Dynamic::address:
      if (type != type_of(*node.name->address)) return false;
      to.add(type, options_.endpoint_ttl, node.name->address->bytes());
      return true;
    case Node::Dynamic::lan:
      if (type != RrType::txt) return false;
      emit_lan(node, to);
      return true;
    case Node::Dynamic::alias:
      if (type != RrType::cname) return false;
      to.add(type, options_.cname_ttl, alias_target(node).view().wire());
      return true;
    case Node::Dynamic::service_root:
      if (type == RrType::ptr) return emit_list(to);
      if (type != RrType::txt) return false;
      to.add(type, options_.endpoint_ttl, base::as_bytes("\x09txtvers=1"));
      return true;
    case Node::Dynamic::service_types: {
      if (type != RrType::ptr) return has_static;
      // RFC 2181 §5.2: one RRset, one TTL, that of the operator's records when there are any.
      const StaticNode* statics = find_static(service_types_);
      const Rrset* merged = statics == nullptr ? nullptr : statics->find(RrType::ptr);
      to.add(type, merged == nullptr ? options_.endpoint_ttl : merged->ttl,
             service_root_.view().wire());
      return true;
    }
    case Node::Dynamic::empty:
    case Node::Dynamic::none:
      break;
  }
  return has_static;
}

bool Zone::emit_static(const Node& node, RrType type, const Emission& to) const {
  const Rrset* rrset = node.statics == nullptr ? nullptr : node.statics->find(type);
  if (rrset == nullptr) return false;
  if (type == RrType::soa) {
    emit_soa(to.section, to.sink);
    return true;
  }
  for (const auto& rdata : rrset->rdata) to.add(type, rrset->ttl, rdata);
  return true;
}

/// RFC 8482 §4.1: one RRset of those that there are.
bool Zone::emit_any(const Node& node, const Emission& to) const {
  for (const RrType type :
       {RrType::srv, RrType::aaaa, RrType::a, RrType::txt, RrType::ptr, RrType::cname}) {
    if (emit(node, type, to)) return true;
  }
  return node.statics != nullptr && !node.statics->rrsets.empty() &&
         emit(node, node.statics->rrsets.front().type, to);
}

bool Zone::emit_addresses(const Node& node, RrType type, const Emission& to) const {
  if (type != RrType::a && type != RrType::aaaa) return false;
  const PeerEndpoints& known = node.peer.endpoints;
  const auto& endpoint = type == RrType::a ? known.ipv4 : known.ipv6;
  if (!endpoint || !shows(*endpoint, to.view)) return false;
  to.add(type, options_.endpoint_ttl, endpoint->address.bytes());
  return true;
}

bool Zone::emit_srv(const Node& node, const Emission& to) const {
  struct Record {
    std::array<std::uint8_t, srv_head_octets + dns::max_name_octets> rdata;
    std::size_t size;
    const base::IpAddress* address;

    [[nodiscard]] base::Bytes octets() const { return base::Bytes(rdata).first(size); }
  };
  std::array<Record, 2> records;
  std::size_t count = 0;
  const auto make = [&](std::uint16_t priority, const std::optional<base::Endpoint>& endpoint) {
    if (!endpoint || !shows(*endpoint, to.view)) return;
    base::ByteWriter writer(records[count].rdata);
    write_srv_head(writer, priority, endpoint->port);
    schema::write_address_name(endpoint->address, node.name->label, options_.apex, writer);
    records[count].size = writer.size();
    records[count++].address = &endpoint->address;
  };
  make(priority_ipv6, node.peer.endpoints.ipv6);
  make(priority_ipv4, node.peer.endpoints.ipv4);
  if (count == 0) return emit_host_srv(node, to);
  const std::span<const Record> made = std::span(records).first(count);
  for (const Record& record : made) to.add(RrType::srv, options_.endpoint_ttl, record.octets());
  if (!to.with_targets) return true;
  for (const Record& record : made) {
    const auto target = dns::parse_name_view(record.octets().subspan(srv_head_octets));
    to.sink.add(Section::additional, *target, type_of(*record.address), options_.endpoint_ttl,
                record.address->bytes());
  }
  return true;
}

/// The SRV record of a peer whose endpoint is a host name.
bool Zone::emit_host_srv(const Node& node, const Emission& to) const {
  if (!node.peer.detail || !node.peer.detail->host_target) return false;
  const HostTarget& host = *node.peer.detail->host_target;
  std::array<std::uint8_t, srv_head_octets + dns::max_name_octets> rdata;
  base::ByteWriter writer(rdata);
  write_srv_head(writer, priority_host, host.port);
  writer.bytes(host.name.view().wire());
  to.add(RrType::srv, options_.endpoint_ttl, writer.written());
  if (to.with_targets) emit_target_addresses(host.name, to.view, to.sink);
  return true;
}

void Zone::emit_text(const Node& node, const Emission& to) const {
  const PeerSnapshot& peer = node.peer;
  std::array<std::uint8_t, max_text_octets> rdata;
  base::ByteWriter writer(rdata);
  write_text_string(writer, "txtvers=1");
  write_text_string(writer, "pub=" + node.name->key.to_base64());
  if (opens(&PublicParts::allowed, to.view)) {
    if (peer.detail) write_allowed_strings(writer, peer.detail->allowed_ips);
    if (peer.allowed_ip) write_allowed_strings(writer, {&*peer.allowed_ip, 1});
  }
  if (peer.since != base::WallTime{} && tells_times(peer, to.view)) {
    write_text_string(writer, fmt::format("since={}", peer.since.time_since_epoch().count()));
    if (peer.stale)
      write_text_string(writer, fmt::format("stale={}", peer.stale->time_since_epoch().count()));
  }
  if (peer.detail && peer.detail->is_hub && to.view == View::private_view)
    write_text_string(writer, "role=hub");
  if (peer.detail && peer.detail->mapping && opens(&PublicParts::map, to.view))
    write_text_string(writer, fmt::format("map={}", to_string(*peer.detail->mapping)));
  to.add(RrType::txt, options_.endpoint_ttl, writer.written());
}

void Zone::emit_lan(const Node& node, const Emission& to) const {
  std::array<std::uint8_t, schema::max_lan_text_octets> rdata;
  base::ByteWriter writer(rdata);
  schema::write_lan_text(writer, *node.lan);
  to.add(RrType::txt, options_.endpoint_ttl, writer.written());
}

bool Zone::emit_list(const Emission& to) const {
  if (!opens(&PublicParts::list, to.view)) return false;
  const auto list = live_.list(to.view);
  for (const wg::PublicKey& key : *list) {
    to.add(RrType::ptr, options_.endpoint_ttl,
           schema::instance_name(key, options_.apex).view().wire());
  }
  return !list->empty();
}

/// Addresses of what SRV and NS point to, as far as they are in this zone, in the order of the
/// answer.
void Zone::emit_additional(const Node& node, RrType type, const Emission& to) const {
  if (type != RrType::srv && type != RrType::ns) return;
  if (node.is_peer()) return;  // emit_srv() knows them
  for (const auto& rdata : node.statics->find(type)->rdata) {
    const auto target =
        dns::parse_name_view(base::Bytes(rdata).subspan(type == RrType::srv ? srv_head_octets : 0));
    if (target) emit_target_addresses(*target, to.view, to.sink);
  }
}

void Zone::emit_target_addresses(dns::NameView target, View view, dns::RecordSink& sink) const {
  // Glue below a cut is found as well: it is static, and no node is hidden by a cut.
  const Question question = read(target);
  Node node;
  if (!question.is_ours || !find_node(question, view, node)) return;
  const Emission to{target, view, sink, Section::additional};
  (void)emit(node, RrType::aaaa, to);
  (void)emit(node, RrType::a, to);
}

void Zone::emit_soa(Section section, dns::RecordSink& sink) const {
  std::array<std::uint8_t, 2 * dns::max_name_octets + 20> rdata;
  base::ByteWriter writer(rdata);
  writer.bytes(base::Bytes(soa_).first(soa_.size() - 20));
  writer.u32(live_.serial());
  writer.bytes(base::Bytes(soa_).last(16));
  // RFC 2308 §3: in a negative answer it lives no longer than the answer may.
  const dns::Ttl minimum{base::ByteReader(base::Bytes(soa_).last(4)).u32()};
  sink.add(section, options_.apex, RrType::soa,
           section == Section::authority ? std::min(soa_ttl_, minimum) : soa_ttl_,
           writer.written());
}

void Zone::emit_referral(dns::NameView cut, View view, dns::RecordSink& sink) const {
  const Rrset* name_servers = find_static(cut)->find(RrType::ns);
  for (const auto& rdata : name_servers->rdata) {
    sink.add(Section::authority, cut, RrType::ns, name_servers->ttl, rdata);
  }
  for (const auto& rdata : name_servers->rdata) {
    if (const auto target = dns::parse_name_view(rdata)) emit_target_addresses(*target, view, sink);
  }
}

namespace {

class VisitSink final : public dns::RecordSink {
 public:
  explicit VisitSink(const Zone::Visit& visit) : visit_(visit) {}
  void add(Section /*section*/, dns::NameView owner, RrType type, dns::Ttl ttl,
           base::Bytes rdata) override {
    visit_(owner, type, ttl, rdata);
  }

 private:
  const Zone::Visit& visit_;
};

constexpr std::array dynamic_types = {RrType::srv,  RrType::txt, RrType::a,
                                      RrType::aaaa, RrType::ptr, RrType::cname};

}  // namespace

void Zone::for_each_record(View view, const Visit& visit) const {
  for_each_common_record(view, visit);
  peers_.for_each([&](const wg::PublicKey& key, const PeerRecord& record) {
    emit_peer(key, record, view, visit);
  });
}

void Zone::for_each_common_record(View view, const Visit& visit) const {
  VisitSink sink(visit);
  const auto emit_dynamic_name = [&](dns::NameView owner) {
    Node node;
    node.dynamic = find_fixed(owner, view, node);
    for (const RrType type : dynamic_types) (void)emit(node, type, Emission{owner, view, sink});
  };

  emit_soa(Section::answer, sink);
  std::vector<std::pair<dns::Name, const StaticNode*>> statics;
  for (const auto& [name, node] : nodes_) statics.emplace_back(name, &node);
  std::sort(statics.begin(), statics.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [name, node] : statics) {
    for (const Rrset& rrset : node->rrsets) {
      if (rrset.type == RrType::soa) continue;
      for (const auto& rdata : rrset.rdata) visit(name, rrset.type, rrset.ttl, rdata);
    }
  }
  emit_dynamic_name(service_root_);
  emit_dynamic_name(service_types_);
  for (const auto& [label, key] : names_) {
    const auto below = [&](std::initializer_list<std::string_view> labels) {
      dns::Name name = options_.apex;
      for (const std::string_view one : labels) (void)name.prepend(one);
      emit_dynamic_name(name);
    };
    const std::string_view text = label.view().first_label_text();
    below({text});
    below({text, schema::protocol_label, schema::service_label});
    below({schema::protocol_label, schema::service_label, text});
  }
}

void Zone::for_each_peer_record(const wg::PublicKey& key, View view, const Visit& visit) const {
  if (const auto record = peers_.find(key)) emit_peer(key, *record, view, visit);
}

void Zone::emit_peer(const wg::PublicKey& key, const PeerRecord& record, View view,
                     const Visit& visit) const {
  VisitSink sink(visit);
  Node node;
  schema::PeerName name;
  name.key = key;
  node.name = &name;
  name.label = base::to_base32(key.octets());
  node.peer = {.endpoints = {record.ipv4, record.ipv6},
               .since = record.since,
               .stale = record.stale,
               .allowed_ip = {},
               .detail = record.detail};
  const auto emit_node = [&](dns::NameView owner, Node::Dynamic dynamic) {
    node.dynamic = dynamic;
    for (const RrType type : dynamic_types) (void)emit(node, type, Emission{owner, view, sink});
  };
  emit_node(schema::host_name(key, options_.apex), Node::Dynamic::host);
  emit_node(schema::service_name(key, options_.apex), Node::Dynamic::service);
  emit_node(schema::instance_name(key, options_.apex), Node::Dynamic::instance);
  if (options_.padded_names) {
    emit_node(schema::padded_instance_name(key, options_.apex), Node::Dynamic::instance);
  }
  for (const auto* endpoint : {&record.ipv4, &record.ipv6}) {
    if (!*endpoint || !shows(**endpoint, view)) continue;
    name.address = (*endpoint)->address;
    emit_node(schema::address_name(*name.address, key, options_.apex), Node::Dynamic::address);
  }
  if (view == View::private_view) node.lan = live_.lan.find(key);
  if (node.lan != nullptr) emit_node(schema::lan_name(key, options_.apex), Node::Dynamic::lan);
}

}  // namespace dnsd
