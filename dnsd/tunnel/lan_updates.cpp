#include "dnsd/tunnel/lan_updates.hpp"

#include <algorithm>

#include "base/expected.hpp"
#include "dns/update.hpp"

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

/// The endpoints that the update leaves at the sender's `_lan.K.Z`; empty: none. \error the rcode
/// of the reply. One form is accepted: delete the RRset, then perhaps add one record. Its result
/// does not depend on what was there before.
base::Expected<schema::LanEndpoints, Rcode> judge(const dns::Update& update,
                                                  const wg::PublicKey& sender, dns::NameView zone) {
  if (update.head.rcode != Rcode::noerror) return base::Unexpected(update.head.rcode);
  const bool is_ours = update.head.rr_class == RrClass::in && update.head.name.equals(zone);
  const bool has_form = !update.is_signed && update.prerequisites == 0 &&
                        (update.records.size() == 1 || update.records.size() == 2);
  if (!is_ours || !has_form) return base::Unexpected(Rcode::refused);
  for (const dns::UpdateRecord& record : update.records) {
    if (record.type != RrType::txt || !is_own_lan_name(record.owner, sender, zone))
      return base::Unexpected(Rcode::refused);
  }
  const dns::UpdateRecord& removal = update.records.front();
  if (removal.rr_class != RrClass::any) return base::Unexpected(Rcode::refused);
  if (removal.ttl != 0 || !removal.rdata.empty())
    return base::Unexpected(Rcode::formerr);  // RFC 2136 §3.4.1.2
  if (update.records.size() == 1) return schema::LanEndpoints();
  const dns::UpdateRecord& addition = update.records.back();
  if (addition.rr_class != RrClass::in) return base::Unexpected(Rcode::refused);
  auto endpoints = schema::parse_lan_text(addition.rdata);
  if (!endpoints) return base::Unexpected(Rcode::refused);
  return *std::move(endpoints);
}

}  // namespace

std::size_t LanUpdates::respond(base::Bytes message, const wg::PublicKey& sender,
                                base::SteadyTime now, base::MutableBytes out) {
  const auto update = dns::parse_update(message);
  if (!update) return 0;
  auto endpoints = judge(*update, sender, zone_.get()->options().apex);
  dns::ResponseHead head;
  head.rcode = endpoints ? Rcode::noerror : endpoints.error();
  if (endpoints) {
    switch (table_.announce(sender, *std::move(endpoints), now)) {
      case LanTable::Verdict::changed:
        changed_();
        break;
      case LanTable::Verdict::renewed:
        break;
      case LanTable::Verdict::too_often:
        head.rcode = Rcode::refused;
        break;
    }
  }
  if (head.rcode == Rcode::refused) head.extended_error = dns::ExtendedError::prohibited;
  dns::ResponseWriter writer(update->head, std::min<std::size_t>(out.size(), dns::our_udp_octets),
                             out);
  return writer.finish(head);
}

}  // namespace dnsd
