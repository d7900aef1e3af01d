#include "dnsd/serve/query_log_writer.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <string>

namespace dnsd {

void QueryLogWriter::set_rate(std::uint32_t lines) {
  rate_ = lines;
  log_.set_rate(lines);
  timer_.cancel();
  write();
}

void QueryLogWriter::write() {
  const QueryLog::Sample sample = log_.take();
  for (const std::string& line : sample.lines) spdlog::info("query: {}", line);
  if (sample.left_out > 0) spdlog::info("query: {} more were not logged", sample.left_out);
  if (rate_ == 0) return;
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const std::error_code& ec) {
    if (!ec) write();
  });
}

}  // namespace dnsd
