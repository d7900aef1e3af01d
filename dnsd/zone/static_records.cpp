#include "dnsd/zone/static_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dns/zone_file_data.hpp"
#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

using dns::RrType;

// RFC 1035 §4.1: the header, and the question without its name; a record that points to its owner.
constexpr std::size_t max_message = 65535;
constexpr std::size_t message_overhead = 12 + 4;
constexpr std::size_t record_overhead = 12;
constexpr std::size_t max_records = max_message / record_overhead;

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
  Firsts firsts;
  std::vector<std::pair<dns::Name, dns::ZonePlace>> servers;  // of the zone
  for (dns::ZoneRecord& record : records) {
    // One that was made may lack an address; advise_addresses() says so.
    const bool is_read = record.place.line != 0;
    if (is_read && record.type == RrType::ns && record.owner == names.apex())
      servers.emplace_back(*dns::parse_name_view(record.rdata), record.place);
    if (auto error = made.add(std::move(record), names, firsts))
      return base::Unexpected(*std::move(error));
  }
  if (auto error = made.check(firsts, names.apex())) return base::Unexpected(*std::move(error));
  for (const auto& [server, place] : servers) {
    if (!made.has_address(server, names))
      return base::Unexpected(ZoneError{
          place, fmt::format("{} NS: {} has no address here; give it an A or AAAA record, "
                             "or, if it stands elsewhere, a dot at its end",
                             names.apex().to_string(), server.to_string())});
  }
  return made;
}

std::optional<ZoneError> StaticRecords::add(dns::ZoneRecord record, const ZoneNames& names,
                                            Firsts& firsts) {
  const auto fail = [&](std::string_view why) {
    return ZoneError{record.place, fmt::format("{} {}: {}", record.owner.to_string(),
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
  const auto node = nodes_.try_emplace(record.owner).first;
  auto& rrsets = node->second.rrsets;
  const auto found = std::find_if(rrsets.begin(), rrsets.end(),
                                  [&](const Rrset& r) { return r.type == record.type; });
  if (found == rrsets.end()) {
    rrsets.push_back({record.type, record.ttl, {std::move(record.rdata)}});
    firsts.push_back({&node->first, record.type, record.place});
    return std::nullopt;
  }
  if (std::any_of(found->rdata.begin(), found->rdata.end(), [&](const auto& data) {
        return dns::is_same_data(record.type, data, record.rdata);
      }))
    return std::nullopt;
  if (record.type == RrType::soa) return fail("a zone has one SOA");
  if (record.type == RrType::cname) return fail("a name has one CNAME");
  if (found->rdata.size() == max_records) return fail("no message holds that many records");
  found->ttl = std::min(found->ttl, record.ttl);  // RFC 2181 §5.2
  found->rdata.push_back(std::move(record.rdata));
  return std::nullopt;
}

/// What can only be judged when every record is there.
std::optional<ZoneError> StaticRecords::check(const Firsts& firsts, const dns::Name& apex) {
  const StaticNode* const top = find(apex);
  if (top == nullptr || top->find(RrType::soa) == nullptr)
    return ZoneError{{}, fmt::format("{} has no SOA", apex.to_string())};
  if (top->find(RrType::ns) == nullptr)
    return ZoneError{{}, fmt::format("{} has no NS", apex.to_string())};

  for (const First& first : firsts) {
    if (first.type == RrType::ns && *first.owner != apex) has_cuts_ = true;
    deepest_ = std::max(deepest_, first.owner->view().label_count() - apex_labels_);
  }
  std::set<const StaticNode*> looping;
  const dns::Name* told = nullptr;  // the wildcard at the top is told once, not for each type
  for (const First& first : firsts) {
    const auto about = [&](std::string_view what) {
      return fmt::format("{} {}: {}", first.owner->to_string(), dns::to_string(first.type), what);
    };
    auto why = check_rrset(first, apex);
    if (!why && first.type == RrType::cname) why = check_chain(first, apex, looping);
    if (why) return ZoneError{first.place, about(*why)};
    if (first.owner != told && *first.owner != apex &&
        first.owner->view().first_label_text() == "*" &&
        first.owner->view().parent().equals(apex)) {
      told = first.owner;
      warnings_.push_back(
          {first.place, fmt::format("{} also answers for keys that nobody registered",
                                    first.owner->to_string())});
    }
    tell_hidden(first);
  }
  return std::nullopt;
}

/// Why an RRset cannot stand beside the others; nullopt: it can.
std::optional<std::string> StaticRecords::check_rrset(const First& first,
                                                      const dns::Name& apex) const {
  const StaticNode& node = nodes_.at(*first.owner);
  std::size_t octets = message_overhead + first.owner->view().wire().size();
  for (const auto& data : node.find(first.type)->rdata) octets += record_overhead + data.size();
  if (octets > max_message) return "its records are longer than any message";
  if (first.type == RrType::ds) {
    if (*first.owner == apex) return "the zone's own DS belongs into its parent";
    if (node.find(RrType::ns) == nullptr) return "a DS stands beside the NS of a delegation";
  }
  if (first.type == RrType::cname && node.rrsets.size() > 1)
    return "a CNAME has no other records beside it (RFC 1034 §3.6.2); keep one or the other";
  return std::nullopt;
}

/// Why a CNAME leads too far; nullopt: it does not. A loop is told once. \param looping the nodes
/// that lead into one that was told
std::optional<std::string> StaticRecords::check_chain(const First& first, const dns::Name& apex,
                                                      std::set<const StaticNode*>& looping) {
  if (find_cut(*first.owner)) return std::nullopt;
  std::vector<const StaticNode*> chain;
  const StaticNode* at = find(*first.owner);
  while (at != nullptr && at->find(RrType::cname) != nullptr) {
    if (std::find(chain.begin(), chain.end(), at) != chain.end()) {
      const bool is_told = std::any_of(chain.begin(), chain.end(), [&](const StaticNode* one) {
        return !looping.insert(one).second;
      });
      if (!is_told)
        warnings_.push_back({first.place, fmt::format("{} CNAME: leads into a loop of CNAMEs",
                                                      first.owner->to_string())});
      return std::nullopt;
    }
    if (chain.size() == max_cname_hops)
      return fmt::format("its CNAMEs form a chain of more than {}", max_cname_hops);
    chain.push_back(at);
    const auto target = dns::parse_name_view(at->find(RrType::cname)->rdata.front());
    const bool is_inside = target && target->is_at_or_below(apex) && !find_cut(*target);
    at = is_inside ? find(*target) : nullptr;
  }
  return std::nullopt;
}

/// Whether there is an address at the name of a name server, or another one answers for it.
bool StaticRecords::has_address(const dns::Name& server, const ZoneNames& names) const {
  if (!server.view().is_at_or_below(names.apex()) || find_cut(server)) return true;
  if (check_reserved(server, names)) return true;  // the server makes what is there
  dns::NameView encloser = server;
  while (!encloser.equals(names.apex()) && find(encloser) == nullptr) encloser = encloser.parent();
  const StaticNode* const node = encloser.equals(server) ? find(server) : find_wildcard(encloser);
  return node != nullptr &&
         (node->find(RrType::a) != nullptr || node->find(RrType::aaaa) != nullptr);
}

/// A warning for records that are there, and that no question reaches.
void StaticRecords::tell_hidden(const First& first) {
  const auto cut = find_cut(*first.owner);
  if (!cut) return;
  const bool is_glue = first.type == RrType::a || first.type == RrType::aaaa;
  const bool is_of_cut =
      cut->equals(*first.owner) && (first.type == RrType::ns || first.type == RrType::ds);
  if (is_glue || is_of_cut) return;
  warnings_.push_back(
      {first.place,
       fmt::format("{} {}: is hidden by the delegation of {}, and never answered",
                   first.owner->to_string(), dns::to_string(first.type), cut->to_string())});
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
