#pragma once

#include <atomic>
#include <cstdint>

#include "dnsd/serve/query_log.hpp"

namespace dnsd {

/// Counts of what passed the listeners since the start. Answer threads write them, once per batch;
/// any thread reads them.
struct ServedCounters {
  struct Counters {
    std::atomic<std::uint64_t> queries{0};  ///< messages received, garbage included
    std::atomic<std::uint64_t> replies{0};  ///< messages handed to the kernel
    std::atomic<std::uint64_t> dropped{0};  ///< replies that the kernel did not take
  };
  Counters udp;
  Counters tcp;
  std::atomic<std::uint64_t> tcp_connections{0};  ///< accepted
  QueryLog log;
};

}  // namespace dnsd
