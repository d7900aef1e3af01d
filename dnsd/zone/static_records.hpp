#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"
#include "dns/zone_file.hpp"
#include "dnsd/zone/zone_names.hpp"

namespace dnsd {

/// A static record that the zone cannot hold.
struct ZoneError {
  dns::ZonePlace place;  ///< its line is 0 where it is not about one record
  std::string message;
};

/// Longest chain of CNAMEs that an answer follows. A zone with a longer chain is refused, but for a
/// loop.
inline constexpr std::size_t max_cname_hops = 16;

/// The records of one type at one name. `rdata` is wire form, uncompressed.
struct Rrset {
  dns::RrType type{};
  dns::Ttl ttl;
  std::vector<std::vector<std::uint8_t>> rdata;
};

/// The static records at one name. Without any it is an empty non-terminal.
struct StaticNode {
  std::vector<Rrset> rrsets;  ///< in the order of their first records in the file

  /// \return nullptr: none of that type.
  [[nodiscard]] const Rrset* find(dns::RrType type) const {
    for (const Rrset& rrset : rrsets) {
      if (rrset.type == type) return &rrset;
    }
    return nullptr;
  }
};

/// The operator's records, checked: those of the zone file, or those made in its place. They are
/// the same in every view and know nothing of peers. Immutable; any thread may read.
class StaticRecords {
 public:
  /// All parameters are borrowed for the call.
  using Visit = std::function<void(dns::NameView owner, dns::RrType, dns::Ttl, base::Bytes rdata)>;

  /// \param names what is reserved for the server. \param records exactly one SOA and at least one
  /// NS at the apex.
  /// \error no SOA or no NS at the apex: line 0. With the place of the record: one outside the zone
  /// or at a reserved name; a wildcard below the service root; a cut above a reserved name; a
  /// delegated wildcard; DNAME anywhere; a second SOA, or one below the apex; a CNAME beside other
  /// data, a second one, or one in a chain of more than max_cname_hops; a DS at the apex, or where
  /// there is no cut; more records of one type than a message holds; a name server of the zone,
  /// read from a file, that has no address in it although its name is inside (RFC 2181 §10.3).
  [[nodiscard]] static base::Expected<StaticRecords, ZoneError> make(
      const ZoneNames& names, std::vector<dns::ZoneRecord> records);

  /// \return nullptr: no such name. Empty non-terminals are found (RFC 4592 §2.2.2).
  [[nodiscard]] const StaticNode* find(dns::NameView name) const {
    const auto found = nodes_.find(name);
    return found == nodes_.end() ? nullptr : &found->second;
  }
  /// The highest zone cut at or above `name`, below the apex. \param name at or below the apex.
  [[nodiscard]] std::optional<dns::NameView> find_cut(dns::NameView name) const {
    return has_cuts_ ? search_cut(name) : std::nullopt;
  }
  /// The node `*.encloser`. \return nullptr: there is none.
  [[nodiscard]] const StaticNode* find_wildcard(dns::NameView encloser) const;
  [[nodiscard]] bool has_wildcards() const { return has_wildcards_; }
  /// Labels below the apex of the deepest name.
  [[nodiscard]] std::size_t deepest() const { return deepest_; }

  /// The types at a name, ascending; none for an empty non-terminal or a name that is not there.
  [[nodiscard]] std::vector<dns::RrType> types_at(dns::NameView name) const;
  /// Every record but the SOA, ordered by owner.
  void for_each(const Visit& visit) const;

  /// Things to tell the operator once: wildcards that answer for unregistered keys, CNAMEs that
  /// lead back to themselves, records that a delegation hides, and names inside the zone that NS,
  /// MX, SRV or CNAME lead to and that are not there: a dot is forgotten.
  [[nodiscard]] const std::vector<dns::ZoneNote>& warnings() const { return warnings_; }

 private:
  /// The first record of each RRset, in the order of the file.
  struct First {
    const dns::Name* owner;  ///< the key in nodes_
    dns::RrType type{};
    dns::ZonePlace place;
  };
  using Firsts = std::vector<First>;
  /// A name inside the zone that a record read from a file leads to.
  struct Target {
    const dns::Name* owner;  ///< the key in nodes_
    dns::RrType type{};
    std::size_t index;  ///< of its data in the RRset
    dns::ZonePlace place;
  };
  using Targets = std::vector<Target>;
  struct WrongTarget {
    std::string message;    ///< what follows the name, with the remedy
    bool is_fatal = false;  ///< the zone is refused
  };
  using Nodes = std::unordered_map<dns::Name, StaticNode, dns::NameHash, dns::NameEqual>;

  explicit StaticRecords(const ZoneNames& names)
      : apex_labels_(names.apex().view().label_count()) {}
  [[nodiscard]] std::optional<ZoneError> add(dns::ZoneRecord record, const ZoneNames& names,
                                             Firsts& firsts, Targets& targets);
  [[nodiscard]] std::optional<ZoneError> check(const Firsts& firsts, const dns::Name& apex);
  [[nodiscard]] std::optional<std::string> check_rrset(const First& first,
                                                       const dns::Name& apex) const;
  [[nodiscard]] std::optional<std::string> check_chain(const First& first, const dns::Name& apex,
                                                       std::set<const StaticNode*>& looping);
  [[nodiscard]] std::optional<WrongTarget> check_target(const Target& target, dns::NameView name,
                                                        const ZoneNames& names) const;
  void tell_hidden(const First& first);
  [[nodiscard]] std::optional<dns::NameView> search_cut(dns::NameView name) const;

  Nodes nodes_;
  std::size_t apex_labels_;
  std::size_t deepest_ = 0;
  bool has_cuts_ = false;
  bool has_wildcards_ = false;
  std::vector<dns::ZoneNote> warnings_;
};

}  // namespace dnsd
