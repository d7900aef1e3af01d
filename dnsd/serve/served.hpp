#pragma once

#include <atomic>
#include <cstdint>

#include "dnsd/serve/query_log.hpp"

namespace dnsd {

/// What passed the listeners since the start: counts, and the query log. Answer threads write them,
/// UDP once per batch; any thread reads them.
struct Served {
  struct Counters {
    std::atomic<std::uint64_t> queries{0};  ///< messages received, garbage included
    std::atomic<std::uint64_t> replies{0};  ///< UDP: the kernel took them; TCP: they are queued
    std::atomic<std::uint64_t> dropped{0};  ///< UDP: replies that the kernel did not take
  };
  Counters udp;
  Counters tcp;
  std::atomic<std::uint64_t> tcp_connections{0};  ///< accepted
  QueryLog log;
};

}  // namespace dnsd
