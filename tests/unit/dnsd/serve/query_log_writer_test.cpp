#include "dnsd/serve/query_log_writer.hpp"

#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <sstream>
#include <string>

namespace {

/// Catches the log of the process for as long as it lives.
class Log {
 public:
  Log() : before_(spdlog::default_logger()) {
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(text_);
    const auto logger = std::make_shared<spdlog::logger>("test", sink);
    logger->set_pattern("%v");
    spdlog::set_default_logger(logger);
  }
  ~Log() { spdlog::set_default_logger(before_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] std::string text() const { return text_.str(); }
  [[nodiscard]] auto lines() const {
    const std::string text = text_.str();
    return std::count(text.begin(), text.end(), '\n');
  }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
};

void note(dnsd::QueryLog& log, int times) {
  for (int i = 0; i < times; ++i) {
    log.note({}, {}, {.view = dnsd::View::public_view, .transport = dns::Transport::udp},
             *base::IpAddress::parse("203.0.113.99"), base::SteadyTime{});
  }
}

}  // namespace

TEST_CASE("what was noted is written after a second, and what was left out is counted") {
  const Log log;
  asio::io_context io{1};
  dnsd::QueryLog queries;
  dnsd::QueryLogWriter writer(io, queries);
  writer.set_rate(2);
  note(queries, 5);
  CHECK(log.text().empty());
  CHECK(io.run_one_for(std::chrono::seconds(20)) == 1);
  CHECK(log.lines() == 3);
  CHECK(log.text().starts_with("query: 203.0.113.99 udp public not a query no reply\n"));
  CHECK(log.text().ends_with("query: 3 more were not logged\n"));
}

TEST_CASE("when logging ends, what was noted before is written, and no timer is left") {
  const Log log;
  asio::io_context io{1};
  dnsd::QueryLog queries;
  dnsd::QueryLogWriter writer(io, queries);
  writer.set_rate(5);
  note(queries, 1);
  writer.set_rate(0);
  CHECK(log.lines() == 1);
  note(queries, 1);
  CHECK(io.run_for(std::chrono::seconds(20)) == 1);  // the timer that was cancelled
  CHECK(log.lines() == 1);
}
