#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>

/// While it lives, what is logged goes here, one line each.
class LogText {
 public:
  LogText() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    auto log = std::make_shared<spdlog::logger>("test", std::move(sink));
    log->set_pattern("%l: %v");
    spdlog::set_default_logger(std::move(log));
  }
  ~LogText() { spdlog::set_default_logger(before_); }
  LogText(const LogText&) = delete;
  LogText& operator=(const LogText&) = delete;

  [[nodiscard]] std::string text() const { return text_.str(); }
  [[nodiscard]] std::size_t count(const std::string& words) const {
    std::size_t found = 0;
    const std::string all = text();
    for (auto at = all.find(words); at != std::string::npos; at = all.find(words, at + 1)) ++found;
    return found;
  }

 private:
  std::ostringstream text_;
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};
