#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include "base/log_writer.hpp"

namespace base {
namespace {

/// `<3>` … `<7>`: the syslog priority that journald takes from the start of a line (sd-daemon(3)).
class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm& /*time*/,
              spdlog::memory_buf_t& dest) override {
    int priority = 7;
    switch (msg.level) {
      case spdlog::level::critical:
        priority = 2;
        break;
      case spdlog::level::err:
        priority = 3;
        break;
      case spdlog::level::warn:
        priority = 4;
        break;
      case spdlog::level::info:
        priority = 6;
        break;
      default:
        break;
    }
    fmt::format_to(std::back_inserter(dest), "<{}>", priority);
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JournalPriority>();
  }
};

constexpr std::chrono::seconds last_patience{1};

std::unique_ptr<spdlog::formatter> make_formatter(std::string_view program) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  if (std::getenv("JOURNAL_STREAM") != nullptr) {
    formatter->add_flag<JournalPriority>('J').set_pattern("%J%v");
  } else {
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z " + std::string(program) + " %l: %v");
  }
  return formatter;
}

LogWriter::TellDropped tell_dropped(std::string_view program) {
  return [formatter = std::shared_ptr(make_formatter(program))](std::uint64_t lines) {
    const std::string text = fmt::format(
        "{} lines of the log were dropped: it was not read, or could not be written", lines);
    spdlog::memory_buf_t line;
    formatter->format(spdlog::details::log_msg("", spdlog::level::warn, text), line);
    return fmt::to_string(line);
  };
}

class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit StderrSink(std::shared_ptr<LogWriter> writer) : writer_(std::move(writer)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    spdlog::memory_buf_t line;
    formatter_->format(msg, line);
    writer_->write({line.data(), line.size()});
  }
  void flush_() override {}

  std::shared_ptr<LogWriter> writer_;
};

/// Of the log, once it was started. Thread of main() only.
std::shared_ptr<LogWriter>& started_writer() {
  static std::shared_ptr<LogWriter> writer;
  return writer;
}

}  // namespace

void start_log(std::string_view program, spdlog::level::level_enum level) {
  started_writer() = std::make_shared<LogWriter>(STDERR_FILENO, tell_dropped(program));
  auto logger =
      std::make_shared<spdlog::logger>("", std::make_shared<StderrSink>(started_writer()));
  logger->set_formatter(make_formatter(program));
  logger->set_level(level);
  spdlog::set_default_logger(std::move(logger));
}

void finish_log() {
  if (started_writer()) (void)started_writer()->flush(last_patience);
}

void print_error(std::string_view program, std::string_view why) {
  auto writer = started_writer();
  if (!writer) writer = std::make_shared<LogWriter>(STDERR_FILENO, tell_dropped(program));
  writer->write(fmt::format("{}: {}\n", program, why));
  (void)writer->flush(last_patience);
}

bool RepeatLimit::allow(SteadyTime now) {
  if (!first_ && now - last_ < interval_) {
    ++held_;
    return false;
  }
  first_ = false;
  last_ = now;
  last_suppressed_ = held_;
  held_ = 0;
  return true;
}

}  // namespace base
