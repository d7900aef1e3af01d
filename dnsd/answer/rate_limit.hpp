#pragma once

#include <cstdint>

#include "base/growing_array.hpp"
#include "base/ip_address.hpp"
#include "dns/name.hpp"

namespace dnsd {

/// Response rate limiting: a server that answers questions with a forged source floods the owner of
/// that address. Replies are counted per second in buckets of one client network and one kind of
/// answer. Over the limit, some questions get a truncated reply, so that a real client among the
/// forged ones comes back over TCP; the others get no reply. Constant memory, no lock; any thread.
class RateLimiter {
 public:
  /// The kinds of answers, each counted in buckets of its own. Names of peers are many and
  /// legitimate; names that do not exist are all one.
  enum class Kind : std::uint8_t {
    name,      ///< positive and NODATA: by the owner name
    nxdomain,  ///< by the zone: random names are one flood
    any_name,  ///< from a wildcard, or a referral: by the zone, for the same reason
    error,     ///< everything else, by the client network alone
  };
  enum class Verdict : std::uint8_t {
    answer,
    slip,  ///< a truncated reply (or BADCOOKIE) in place of the answer
    drop,
  };

  /// \param limit replies per bucket and second; 0: everything is answered.
  explicit RateLimiter(std::uint32_t limit);

  /// Counts one reply. \param name owner name or zone; the root for errors. \param second any
  /// steady count of seconds.
  [[nodiscard]] Verdict judge(const base::IpAddress& client, Kind kind, dns::NameView name,
                              std::uint32_t second);

  [[nodiscard]] std::uint32_t limit() const { return limit_; }

 private:
  const std::uint32_t limit_;
  // Second in the upper half, replies counted in the lower; read and written as atomics. Memory
  // that nobody floods is never touched.
  base::GrowingArray<std::uint64_t> buckets_;
};

}  // namespace dnsd
