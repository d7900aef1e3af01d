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

/// The name that a record leads to; nullopt: records of its type lead nowhere.
std::optional<dns::NameView> target_of(RrType type, base::Bytes rdata) {
  switch (type) {
    case RrType::ns:
    case RrType::cname:
      return dns::parse_name_view(rdata);
    case RrType::mx:
      return dns::parse_name_view(rdata.subspan(2));
    case RrType::srv:
      return dns::parse_name_view(rdata.subspan(6));
    default:
      return std::nullopt;
  }
}

/// `name` without the end that a master file appends to a name without a dot at its end.
std::string as_written(dns::NameView name, dns::NameView origin) {
  const std::string whole = name.to_string();
  return whole.substr(0, whole.size() - origin.to_string().size());
}

/// Whether `name`, which is below the apex, without the apex ends in the apex once more.
bool has_apex_twice(dns::NameView name, dns::NameView apex) {
  const auto rest = dns::Name::parse(as_written(name, apex));
  return rest && rest->view().is_at_or_below(apex);
}

}  // namespace

base::Expected<StaticRecords, ZoneError> StaticRecords::make(const ZoneNames& names,
                                                             std::vector<dns::ZoneRecord> records) {
  StaticRecords made(names);
  Firsts firsts;
  Targets targets;
  for (dns::ZoneRecord& record : records) {
    if (auto error = made.add(std::move(record), names, firsts, targets))
      return base::Unexpected(*std::move(error));
  }
  if (auto error = made.check(firsts, names.apex())) return base::Unexpected(*std::move(error));
  for (const Target& target : targets) {
    const auto name = *target_of(
        target.type, made.nodes_.at(*target.owner).find(target.type)->rdata[target.index]);
    const auto wrong = made.check_target(target, name, names);
    if (!wrong) continue;
    const std::string told =
        fmt::format("{} {}: {} {}", target.owner->to_string(), dns::to_string(target.type),
                    name.to_string(), wrong->message);
    if (wrong->is_fatal) return base::Unexpected(ZoneError{target.place, told});
    made.warnings_.push_back({target.place, told});
  }
  return made;
}

std::optional<ZoneError> StaticRecords::add(dns::ZoneRecord record, const ZoneNames& names,
                                            Firsts& firsts, Targets& targets) {
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
  // One that was made may lack an address; advise_addresses() says so.
  const auto note_target = [&](const Rrset& rrset) {
    const auto target = target_of(rrset.type, rrset.rdata.back());
    if (record.place.line != 0 && target && target->is_at_or_below(names.apex()))
      targets.push_back({&node->first, rrset.type, rrset.rdata.size() - 1, record.place});
  };
  auto& rrsets = node->second.rrsets;
  const auto found = std::find_if(rrsets.begin(), rrsets.end(),
                                  [&](const Rrset& r) { return r.type == record.type; });
  if (found == rrsets.end()) {
    rrsets.push_back({record.type, record.ttl, {std::move(record.rdata)}});
    firsts.push_back({&node->first, record.type, record.place});
    note_target(rrsets.back());
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
  note_target(*found);
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

/// What is wrong with a name inside the zone that a record leads to; nullopt: nothing, or another
/// one answers for it: a server elsewhere, or this one with what it makes.
std::optional<StaticRecords::WrongTarget> StaticRecords::check_target(
    const Target& target, dns::NameView name, const ZoneNames& names) const {
  const bool is_cname = target.type == RrType::cname;
  const auto cut = find_cut(*target.owner);
  const bool is_hidden = cut && !(target.type == RrType::ns && cut->equals(*target.owner));
  if (is_hidden || find_cut(name) || check_reserved(name, names) ||
      (is_cname && name.is_at_or_below(names.protocol_root())))
    return std::nullopt;

  dns::NameView encloser = name;
  while (!encloser.equals(names.apex()) && find(encloser) == nullptr) encloser = encloser.parent();
  const bool is_there = encloser.equals(name);
  const StaticNode* const node = is_there ? find(name) : find_wildcard(encloser);
  const auto has = [&](RrType type) { return node != nullptr && node->find(type) != nullptr; };
  const bool has_wanted = is_cname ? node != nullptr
                                   : has(RrType::a) || has(RrType::aaaa) ||
                                         (target.type != RrType::ns && has(RrType::cname));
  const bool is_twice = !is_there && has_apex_twice(name, names.apex());
  if (has_wanted && !is_twice) return std::nullopt;

  const bool is_fatal = target.type == RrType::ns && *target.owner == names.apex() && !has_wanted;
  const std::string_view wrong = has_wanted ? "has the zone's name twice"
                                 : is_cname ? "is not in the zone"
                                            : "has no address here";
  const std::string_view records = is_cname ? "a record" : "an A or AAAA record";
  const dns::NameView origin = is_twice ? names.apex().view() : encloser;
  if (name.label_count() < origin.label_count() + 2)
    return WrongTarget{
        fmt::format("{}; give it {}, or, if it stands elsewhere, a dot at its end", wrong, records),
        is_fatal};
  return WrongTarget{fmt::format("{}; did you mean {} with a dot at its end? If not, give it {}",
                                 wrong, as_written(name, origin), records),
                     is_fatal};
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
