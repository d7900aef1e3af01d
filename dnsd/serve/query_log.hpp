#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/ip_address.hpp"
#include "dnsd/answer/asker.hpp"

namespace dnsd {

/// A sample of the queries for the log: the first N of every second, however many come; the others
/// are counted. Answer threads note queries, and another thread takes and writes them, so a log
/// that hangs never delays an answer. While nothing is logged, a query costs one relaxed load.
class QueryLog {
 public:
  /// \param lines per second; 0: none. Any thread.
  void set_rate(std::uint32_t lines) { rate_.store(lines, std::memory_order_relaxed); }

  /// \param query, reply as on the wire, without TCP's length; an empty reply: none was sent. Any
  /// thread.
  void note(base::Bytes query, base::Bytes reply, const Listener& listener,
            const base::IpAddress& client, base::SteadyTime now) {
    if (rate_.load(std::memory_order_relaxed) != 0) sample(query, reply, listener, client, now);
  }

  struct Sample {
    std::vector<std::string> lines;  ///< describe_query() of each
    std::uint64_t left_out = 0;      ///< queries not logged since the last take()
  };
  /// What was noted since the last call. One thread.
  [[nodiscard]] Sample take();

 private:
  void sample(base::Bytes query, base::Bytes reply, const Listener& listener,
              const base::IpAddress& client, base::SteadyTime now);
  [[nodiscard]] bool take_turn(base::SteadyTime now, std::uint32_t rate);

  std::atomic<std::uint32_t> rate_{0};
  std::atomic<std::uint64_t> turns_{0};  // upper half: the second; lower half: its lines
  std::atomic<std::uint64_t> left_out_{0};
  base::Guarded<std::vector<std::string>> lines_;
};

/// `203.0.113.99 udp public SRV _wireguard._udp.K.Z. NOERROR 1 answers 123 octets`. Octets that are
/// not printable are escaped, so that a query cannot write more than its own line.
[[nodiscard]] std::string describe_query(base::Bytes query, base::Bytes reply,
                                         const Listener& listener, const base::IpAddress& client);

}  // namespace dnsd
