#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dnsd/zone/zone.hpp"

// The static part of the zone: what it may hold, and what it is refused for.
namespace dnsd {

using dns::RrType;

Zone::Zone(const ZoneOptions& options, const Names& names, const PeerTable& peers,
           const LiveState& live)
    : options_(options), peers_(peers), live_(live) {
  const auto below = [](const dns::Name& parent, std::string_view label) {
    dns::Name name = parent;
    (void)name.prepend(label);
    return name;
  };
  protocol_root_ = below(options_.apex, schema::protocol_label);
  service_root_ = below(protocol_root_, schema::service_label);
  service_types_root_ = below(protocol_root_, "_dns-sd");
  service_types_ = below(service_types_root_, "_services");
  for (const auto& [label, key] : names) names_.emplace(below(dns::Name(), label), key);
}

base::Expected<Zone, ZoneError> Zone::make(const ZoneOptions& options,
                                           std::vector<dns::ZoneRecord> records, const Names& names,
                                           const PeerTable& peers, const LiveState& live) {
  if (options.apex.view().wire().size() > schema::max_zone_octets) {
    return base::Unexpected(
        ZoneError{0, fmt::format("zone {} is {} octets long; the names of its peers fit up to {}",
                                 options.apex.to_string(), options.apex.view().wire().size(),
                                 schema::max_zone_octets)});
  }
  Zone zone(options, names, peers, live);
  std::map<dns::Name, std::size_t>
      lines;  // of each owner's first record, for what is checked at the end
  for (dns::ZoneRecord& record : records) {
    lines.try_emplace(record.owner, record.line);
    if (auto error = zone.add_static(std::move(record))) return base::Unexpected(*std::move(error));
  }
  if (auto error = zone.check_static(lines)) return base::Unexpected(*std::move(error));
  return zone;
}

std::optional<ZoneError> Zone::add_static(dns::ZoneRecord record) {
  const auto fail = [&](std::string_view why) {
    return ZoneError{record.line, fmt::format("{} {}: {}", record.owner.to_string(),
                                              dns::to_string(record.type), why)};
  };
  const bool at_apex = record.owner == options_.apex;
  if (!record.owner.view().is_at_or_below(options_.apex)) return fail("is outside the zone");
  if (const auto why = check_reserved(record.owner)) return fail(*why);
  switch (record.type) {
    case RrType::soa:
      if (!at_apex) return fail("only the apex has an SOA");
      break;
    case RrType::dname:
      return fail("DNAME is not supported; write the names out, or use CNAMEs");
    case RrType::rrsig:
    case RrType::nsec:
    case RrType::nsec3:
      return fail("the file is signed; give the unsigned one, answers are not signed");
    case RrType::ns:
      if (!at_apex && protocol_root_.view().is_at_or_below(record.owner)) {
        return fail("would delegate the names of the peers away");
      }
      if (record.owner.view().first_label_text() == "*")
        return fail("a wildcard cannot be delegated");
      break;
    case RrType::cname:
      if (record.owner == service_types_) return fail("is taken by the list of service types");
      break;
    default:
      break;
  }

  // The name itself, and every name between it and the apex exists (RFC 4592 §2.2.2).
  for (dns::NameView name = record.owner; !name.equals(options_.apex); name = name.parent()) {
    nodes_.try_emplace(dns::Name(name));
    if (name.first_label_text() == "*") has_wildcards_ = true;
  }
  auto& rrsets = nodes_[record.owner].rrsets;
  const auto found = std::find_if(rrsets.begin(), rrsets.end(),
                                  [&](const Rrset& r) { return r.type == record.type; });
  if (found == rrsets.end()) {
    rrsets.push_back({record.type, record.ttl, {std::move(record.rdata)}});
    return std::nullopt;
  }
  if (std::find(found->rdata.begin(), found->rdata.end(), record.rdata) != found->rdata.end())
    return std::nullopt;
  if (record.type == RrType::soa) return fail("a zone has one SOA");
  if (record.type == RrType::cname) return fail("a name has one CNAME");
  found->ttl = std::min(found->ttl, record.ttl);  // RFC 2181 §5.2
  found->rdata.push_back(std::move(record.rdata));
  return std::nullopt;
}

/// What can only be judged when every record is there.
std::optional<ZoneError> Zone::check_static(const std::map<dns::Name, std::size_t>& lines) {
  const StaticNode& apex = nodes_[options_.apex];
  const Rrset* soa = apex.find(RrType::soa);
  if (soa == nullptr) return ZoneError{0, fmt::format("{} has no SOA", options_.apex.to_string())};
  if (apex.find(RrType::ns) == nullptr)
    return ZoneError{0, fmt::format("{} has no NS", options_.apex.to_string())};
  soa_ttl_ = soa->ttl;
  soa_ = soa->rdata.front();
  base::ByteReader minimum(base::Bytes(soa_).last(4));
  base::ByteWriter lowered(base::MutableBytes(soa_).last(4));
  lowered.u32(std::min(minimum.u32(), options_.negative_ttl.seconds));

  for (const auto& entry : lines) {
    const dns::Name& name = entry.first;
    const std::size_t line = entry.second;
    const StaticNode& node = nodes_[name];
    const auto fail = [&](std::string_view why) {
      return ZoneError{line, fmt::format("{}: {}", name.to_string(), why)};
    };
    if (node.find(RrType::cname) != nullptr && node.rrsets.size() > 1) {
      return fail("has a CNAME and other records (RFC 1034 §3.6.2); keep one or the other");
    }
    const StaticNode* at = &node;
    for (int hop = 0; at != nullptr && at->find(RrType::cname) != nullptr; ++hop) {
      if (hop == max_cname_hops) {
        return fail(
            fmt::format("its CNAMEs form a loop or a chain of more than {}", max_cname_hops));
      }
      const auto target = dns::parse_name_view(at->find(RrType::cname)->rdata.front());
      at = target ? find_static(*target) : nullptr;
    }
    if (node.find(RrType::ns) != nullptr && name != options_.apex) has_cuts_ = true;
    if (name != options_.apex && name.view().first_label_text() == "*" &&
        name.view().parent().equals(options_.apex)) {
      warnings_.push_back(fmt::format("{}line {}: {} also answers for keys that nobody registered",
                                      line == 0 ? "" : "zone file ", line, name.to_string()));
    }
    deepest_ = std::max(deepest_, name.view().label_count() - options_.apex.view().label_count());
  }
  for (const auto& [name, line] : lines) {
    if (!has_cuts_ || name == options_.apex) continue;
    const auto cut = find_cut(name);
    if (!cut) continue;
    const bool is_cut = cut->equals(name);
    for (const Rrset& rrset : nodes_[name].rrsets) {
      const bool glue = rrset.type == RrType::a || rrset.type == RrType::aaaa;
      const bool belongs_to_cut = is_cut && (rrset.type == RrType::ns || rrset.type == RrType::ds);
      if (glue || belongs_to_cut) continue;
      return ZoneError{
          line, fmt::format(
                    "{} {}: is hidden by the delegation of {}; only its addresses can stand there",
                    name.to_string(), dns::to_string(rrset.type), cut->to_string())};
    }
  }
  return std::nullopt;
}

/// Why nothing static may stand at `owner`; nullopt: it may.
std::optional<std::string> Zone::check_reserved(dns::NameView owner) const {
  if (schema::parse_peer_name(owner, options_.apex))
    return "is a peer's name; peers' records are made by the server";
  if (owner.equals(service_root_)) return "is made by the server";
  dns::Name wildcard = service_root_;
  (void)wildcard.prepend("*");
  if (owner.is_at_or_below(wildcard)) return "a wildcard there would invent peers";
  for (dns::NameView name = owner; !name.equals(options_.apex); name = name.parent()) {
    if (!name.parent().equals(options_.apex) && !name.parent().equals(service_root_)) continue;
    dns::Name label;
    (void)label.prepend(name.first_label_text());
    if (names_.contains(label))
      return fmt::format("is taken by the peer named {}", name.first_label_text());
  }
  return std::nullopt;
}

}  // namespace dnsd
