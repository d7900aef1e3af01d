#include "dnsd/tunnel/peer_updates.hpp"

#include <algorithm>
#include <chrono>
#include <variant>
#include <vector>

#include "base/expected.hpp"
#include "base/hash.hpp"
#include "schema/owner_name.hpp"
#include "schema/path_text.hpp"
#include "schema/peer_update.hpp"
#include "schema/relay_text.hpp"

namespace dnsd {
namespace {

using dns::Rcode;
using dns::RrClass;
using dns::RrType;

bool is_own_lan_name(dns::NameView owner, const wg::PublicKey& sender, dns::NameView zone) {
  if (!owner.is_at_or_below(zone)) return false;
  const auto name = schema::parse_peer_name(owner, zone);
  return name && name->form == schema::PeerName::Form::lan && name->key == sender;
}

bool is_txt(const dns::UpdateRecord& record) {
  return record.type == RrType::txt;
}

/// What no update may lack, whatever it asks for. \error the rcode of the reply.
base::Expected<void, Rcode> judge(const dns::Update& update, dns::NameView zone) {
  if (update.head.rcode != Rcode::noerror) return base::Unexpected(update.head.rcode);
  const bool is_ours = update.head.rr_class == RrClass::in && update.head.name.equals(zone);
  const bool has_form = !update.is_signed && update.prerequisites == 0 && !update.records.empty();
  if (!is_ours || !has_form || !std::all_of(update.records.begin(), update.records.end(), is_txt))
    return base::Unexpected(Rcode::refused);
  return {};
}

/// The endpoints that the update leaves at the sender's `_lan.K.Z`; empty: none. \error the rcode
/// of the reply. One form is accepted: delete the RRset, then perhaps add one record. Its result
/// does not depend on what was there before.
base::Expected<schema::LanEndpoints, Rcode> judge_lan(const dns::Update& update,
                                                      const wg::PublicKey& sender,
                                                      dns::NameView zone) {
  for (const dns::UpdateRecord& record : update.records) {
    if (!is_own_lan_name(record.owner, sender, zone)) return base::Unexpected(Rcode::refused);
  }
  const dns::UpdateRecord& removal = update.records.front();
  if (update.records.size() > 2 || removal.rr_class != RrClass::any)
    return base::Unexpected(Rcode::refused);
  if (removal.ttl != 0 || !removal.rdata.empty())
    return base::Unexpected(Rcode::formerr);  // RFC 2136 §3.4.1.2
  if (update.records.size() == 1) return schema::LanEndpoints();
  const dns::UpdateRecord& addition = update.records.back();
  if (addition.rr_class != RrClass::in) return base::Unexpected(Rcode::refused);
  auto endpoints = schema::parse_lan_text(addition.rdata);
  if (!endpoints) return base::Unexpected(Rcode::refused);
  return *std::move(endpoints);
}

/// The step that one record of an update asks for (RFC 2136 §2.5). \error the rcode of the reply.
base::Expected<schema::PathEdit, Rcode> judge_path(const dns::UpdateRecord& record,
                                                   const wg::PublicKey& sender,
                                                   const PeerTable& peers) {
  using Kind = schema::PathEdit::Kind;
  const bool is_all = record.rr_class == RrClass::any;
  const bool is_removal = is_all || record.rr_class == RrClass::none;
  if (!is_removal && record.rr_class != RrClass::in) return base::Unexpected(Rcode::refused);
  if (is_removal && (record.ttl != 0 || (is_all && !record.rdata.empty())))
    return base::Unexpected(Rcode::formerr);  // RFC 2136 §3.4.1.2
  if (is_all) return schema::PathEdit{Kind::remove_all};
  const auto path = schema::parse_path_text(record.rdata);
  if (!path) return base::Unexpected(Rcode::refused);
  if (is_removal) return schema::PathEdit{Kind::remove, *path};
  const bool is_known = peers.find_endpoints(path->peer, PeerTable::hash(path->peer)).has_value();
  if (path->peer == sender || !is_known) return base::Unexpected(Rcode::refused);
  return schema::PathEdit{Kind::add, *path};
}

/// The sender's `_relay.K.Z` takes requests: one record is added, and none is there afterwards.
Rcode grant_relay(const dns::Update& update, const PeerUpdates::Sender& sender,
                  base::SteadyTime now) {
  const dns::UpdateRecord& request = update.records.front();
  if (update.records.size() != 1 || request.rr_class != RrClass::in || sender.relay == nullptr)
    return Rcode::refused;
  const auto asked = schema::parse_relay_request(request.rdata);
  if (!asked) return Rcode::refused;
  bool is_granted = false;
  if (const auto* const pause = std::get_if<schema::PauseRequest>(&*asked)) {
    is_granted = sender.relay->pause(sender.key, pause->peer,
                                     pause->length.value_or(std::chrono::milliseconds(0)), now);
  } else {
    for (const wg::PublicKey& peer : std::get<schema::ViaRequest>(*asked).peers)
      is_granted = sender.relay->adopt(sender.key, peer, now) || is_granted;
  }
  return is_granted ? Rcode::noerror : Rcode::refused;
}

}  // namespace

std::size_t PeerUpdates::respond(base::Bytes message, const Sender& sender, base::SteadyTime now,
                                 base::MutableBytes out) {
  const auto update = dns::parse_update(message);
  if (!update) return 0;
  const auto zone = zone_.get();
  const dns::NameView apex = zone->options().apex;
  dns::ResponseHead head;
  if (const auto judged = judge(*update, apex); !judged) {
    head.rcode = judged.error();
  } else if (update->records.front().owner.view().equals(schema::relay_name(sender.key, apex))) {
    head.rcode = grant_relay(*update, sender, now);
  } else if (update->records.front().owner.view().equals(schema::path_name(sender.key, apex))) {
    head.rcode = grant_paths(*update, message, sender.key, apex, now);
  } else {
    head.rcode = grant_lan(*update, sender.key, apex, now);
  }
  if (head.rcode == Rcode::refused) head.extended_error = dns::ExtendedError::prohibited;
  dns::ResponseWriter writer(update->head, std::min<std::size_t>(out.size(), dns::our_udp_octets),
                             out);
  return writer.finish(head);
}

Rcode PeerUpdates::grant_lan(const dns::Update& update, const wg::PublicKey& sender,
                             dns::NameView zone, base::SteadyTime now) {
  auto endpoints = judge_lan(update, sender, zone);
  if (!endpoints) return endpoints.error();
  switch (live_.lan.announce(sender, *std::move(endpoints), now)) {
    case LanTable::Verdict::changed:
      changed_();
      break;
    case LanTable::Verdict::renewed:
      break;
    case LanTable::Verdict::too_often:
      return Rcode::refused;
  }
  return Rcode::noerror;
}

Rcode PeerUpdates::grant_paths(const dns::Update& update, base::Bytes message,
                               const wg::PublicKey& sender, dns::NameView zone,
                               base::SteadyTime now) {
  if (message.size() > schema::max_update_octets) return Rcode::refused;
  const dns::Name owner = schema::path_name(sender, zone);
  std::vector<schema::PathEdit> edits;
  for (const dns::UpdateRecord& record : update.records) {
    if (!record.owner.view().equals(owner)) return Rcode::refused;
    const auto edit = judge_path(record, sender, peers_);
    if (!edit) return edit.error();
    edits.push_back(*edit);
  }
  switch (live_.paths.apply(sender, edits, base::keyed_hash(message), now)) {
    case PathTable::Verdict::changed:
      changed_();
      break;
    case PathTable::Verdict::renewed:
      break;
    case PathTable::Verdict::too_often:
    case PathTable::Verdict::too_many:
      return Rcode::refused;
  }
  return Rcode::noerror;
}

}  // namespace dnsd
