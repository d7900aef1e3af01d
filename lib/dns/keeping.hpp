#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dns/outside.hpp"

/// Whether the system's resolver keeps a record for its time to live, and no longer.
namespace dns {

enum class Keeping : std::uint8_t {
  right,
  longer,         ///< for longer than the zone says: it has a minimum TTL
  expired_first,  ///< it answers with an expired record, and fetches the new one for the next asker
};

struct KeepingSeen {
  Keeping keeping{};
  std::uint32_t said = 0;  ///< by the zone, seconds
  std::uint32_t kept = 0;  ///< by the resolver, seconds
};

/// One clause, with the resolver as its subject: "keeps endpoints for 60 s or more; …".
[[nodiscard]] std::string describe(const KeepingSeen& seen);
/// The settings of usual resolvers. Empty for Keeping::right.
[[nodiscard]] std::string_view remedy_of(Keeping keeping);

/// Asks for a record at its construction, and again when it has expired. What is done in between
/// does not add to the time that this takes.
class KeepingProbe {
 public:
  /// \param outside borrowed.
  KeepingProbe(Outside& outside, const Name& name, RrType type);

  /// Whether the resolver has such a record.
  [[nodiscard]] bool has_record() const { return first_.has_value(); }
  /// \param server answers for the zone, past every resolver
  /// \return nullopt: one of the two has no such record. Blocks: a second longer than its TTL.
  [[nodiscard]] std::optional<KeepingSeen> finish(const base::IpAddress& server);

 private:
  [[nodiscard]] std::optional<std::uint32_t> resolve();

  Outside& outside_;
  Name name_;
  RrType type_;
  std::optional<std::uint32_t> first_;  // TTL of the first answer
  std::chrono::steady_clock::time_point asked_;
};

}  // namespace dns
