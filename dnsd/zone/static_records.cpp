#include "dnsd/zone/static_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

using dns::RrType;

/// Why nothing static may stand at `owner`; nullopt: it may.
std::optional<std::string> check_reserved(dns::NameView owner, const ZoneNames& names) {
  if (schema::parse_peer_name(owner, names.apex()))
    return "is a peer's name; peers' records are made by the server";
  if (names.is_tunnel_name(owner))
    return "is for the addresses inside the tunnel, which the server makes; see tunnel-label";
  if (owner.equals(names.service_root())) return "is made by the server";
  dns::Name wildcard = names.service_root();
  (void)wildcard.prepend("*");
  if (owner.is_at_or_below(wildcard)) return "a wildcard there would invent peers";
  for (dns::NameView name = owner; !name.equals(names.apex()); name = name.parent()) {
    if (!name.parent().equals(names.apex()) && !name.parent().equals(names.service_root()))
      continue;
    if (names.has_label(name.first_label_text()))
      return fmt::format("is taken by the peer named {}", name.first_label_text());
  }
  return std::nullopt;
}

/// Why no record of this type may stand at `owner`; nullopt: it may.
std::optional<std::string> check_type(RrType type, const dns::Name& owner, const ZoneNames& names) {
  const bool at_apex = owner == names.apex();
  switch (type) {
    case RrType::soa:
      if (!at_apex) return "only the apex has an SOA";
      break;
    case RrType::dname:
      return "DNAME is not supported; write the names out, or use CNAMEs";
    case RrType::rrsig:
    case RrType::nsec:
    case RrType::nsec3:
      return "the file is signed; give the unsigned one, answers are not signed";
    case RrType::ns:
      if (!at_apex && names.protocol_root().view().is_at_or_below(owner))
        return "would delegate the names of the peers away";
      if (owner.view().first_label_text() == "*") return "a wildcard cannot be delegated";
      break;
    case RrType::cname:
      if (owner == names.service_types()) return "is taken by the list of service types";
      break;
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace

base::Expected<StaticRecords, ZoneError> StaticRecords::make(const ZoneNames& names,
                                                             std::vector<dns::ZoneRecord> records) {
  StaticRecords made(names);
  Lines lines;
  for (dns::ZoneRecord& record : records) {
    lines.try_emplace(record.owner, record.line);
    if (auto error = made.add(std::move(record), names)) return base::Unexpected(*std::move(error));
  }
  if (auto error = made.check(lines, names.apex())) return base::Unexpected(*std::move(error));
  return made;
}

std::optional<ZoneError> StaticRecords::add(dns::ZoneRecord record, const ZoneNames& names) {
  const auto fail = [&](std::string_view why) {
    return ZoneError{record.line, fmt::format("{} {}: {}", record.owner.to_string(),
                                              dns::to_string(record.type), why)};
  };
  if (!record.owner.view().is_at_or_below(names.apex())) return fail("is outside the zone");
  if (const auto why = check_reserved(record.owner, names)) return fail(*why);
  if (const auto why = check_type(record.type, record.owner, names)) return fail(*why);

  // The name itself, and every name between it and the apex exists (RFC 4592 §2.2.2).
  for (dns::NameView name = record.owner; !name.equals(names.apex()); name = name.parent()) {
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
std::optional<ZoneError> StaticRecords::check(const Lines& lines, const dns::Name& apex) {
  const StaticNode* const top = find(apex);
  if (top == nullptr || top->find(RrType::soa) == nullptr)
    return ZoneError{0, fmt::format("{} has no SOA", apex.to_string())};
  if (top->find(RrType::ns) == nullptr)
    return ZoneError{0, fmt::format("{} has no NS", apex.to_string())};

  for (const auto& [name, line] : lines) {
    const StaticNode& node = nodes_.at(name);
    if (const auto why = check_cname(node))
      return ZoneError{line, fmt::format("{}: {}", name.to_string(), *why)};
    if (node.find(RrType::ns) != nullptr && name != apex) has_cuts_ = true;
    if (name != apex && name.view().first_label_text() == "*" &&
        name.view().parent().equals(apex)) {
      warnings_.push_back(fmt::format("{}line {}: {} also answers for keys that nobody registered",
                                      line == 0 ? "" : "zone file ", line, name.to_string()));
    }
    deepest_ = std::max(deepest_, name.view().label_count() - apex_labels_);
  }
  if (!has_cuts_) return std::nullopt;
  for (const auto& [name, line] : lines) {
    if (name == apex) continue;
    if (auto why = check_hidden(name)) return ZoneError{line, *std::move(why)};
  }
  return std::nullopt;
}

/// Why the CNAME of a node cannot stand; nullopt: it can, or there is none.
std::optional<std::string> StaticRecords::check_cname(const StaticNode& node) const {
  if (node.find(RrType::cname) != nullptr && node.rrsets.size() > 1)
    return "has a CNAME and other records (RFC 1034 §3.6.2); keep one or the other";
  const StaticNode* at = &node;
  for (int hop = 0; at != nullptr && at->find(RrType::cname) != nullptr; ++hop) {
    if (hop == max_cname_hops)
      return fmt::format("its CNAMEs form a loop or a chain of more than {}", max_cname_hops);
    const auto target = dns::parse_name_view(at->find(RrType::cname)->rdata.front());
    at = target ? find(*target) : nullptr;
  }
  return std::nullopt;
}

/// Which records of a name a delegation hides; nullopt: none.
std::optional<std::string> StaticRecords::check_hidden(const dns::Name& name) const {
  const auto cut = find_cut(name);
  if (!cut) return std::nullopt;
  const bool is_cut = cut->equals(name);
  for (const Rrset& rrset : nodes_.at(name).rrsets) {
    const bool glue = rrset.type == RrType::a || rrset.type == RrType::aaaa;
    const bool belongs_to_cut = is_cut && (rrset.type == RrType::ns || rrset.type == RrType::ds);
    if (glue || belongs_to_cut) continue;
    return fmt::format(
        "{} {}: is hidden by the delegation of {}; only its addresses can stand there",
        name.to_string(), dns::to_string(rrset.type), cut->to_string());
  }
  return std::nullopt;
}

std::optional<dns::NameView> StaticRecords::search_cut(dns::NameView name) const {
  const std::size_t depth = name.label_count() - apex_labels_;
  for (std::size_t below_apex = 1; below_apex <= std::min(depth, deepest_); ++below_apex) {
    const dns::NameView candidate = name.ancestor(depth - below_apex);
    const StaticNode* node = find(candidate);
    if (node != nullptr && node->find(RrType::ns) != nullptr) return candidate;
  }
  return std::nullopt;
}

const StaticNode* StaticRecords::find_wildcard(dns::NameView encloser) const {
  dns::Name wildcard(encloser);
  return wildcard.prepend("*") ? find(wildcard) : nullptr;
}

std::vector<RrType> StaticRecords::types_at(dns::NameView name) const {
  std::vector<RrType> types;
  if (const StaticNode* node = find(name)) {
    for (const Rrset& rrset : node->rrsets) types.push_back(rrset.type);
  }
  std::sort(types.begin(), types.end());
  return types;
}

void StaticRecords::for_each(const Visit& visit) const {
  std::vector<std::pair<dns::Name, const StaticNode*>> ordered;
  for (const auto& [name, node] : nodes_) ordered.emplace_back(name, &node);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [name, node] : ordered) {
    for (const Rrset& rrset : node->rrsets) {
      if (rrset.type == RrType::soa) continue;
      for (const auto& rdata : rrset.rdata) visit(name, rrset.type, rrset.ttl, rdata);
    }
  }
}

}  // namespace dnsd
