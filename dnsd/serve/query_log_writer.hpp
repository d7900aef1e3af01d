#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>

#include "dnsd/serve/query_log.hpp"

namespace dnsd {

/// Writes the sampled queries to the log of the daemon, once per second. Lives on the thread of
/// `io`; its handlers must not run after it is gone.
class QueryLogWriter {
 public:
  /// \param log outlives the writer.
  QueryLogWriter(asio::io_context& io, QueryLog& log) : log_(log), timer_(io) {}

  /// From now on that many lines per second; 0: none. What was noted before is written at once.
  void set_rate(std::uint32_t lines);

 private:
  void write();

  QueryLog& log_;
  asio::steady_timer timer_;
  std::uint32_t rate_ = 0;
};

}  // namespace dnsd
