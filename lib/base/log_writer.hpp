#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace base {

/// Writes the lines of a log to a descriptor whose reader may sleep: a pipe that nobody reads, a
/// stopped terminal, a journal that hangs. Only a thread of its own ever waits for the reader;
/// lines for which there is no room meanwhile are dropped. A file has no reader, so lines go
/// straight to it. What the system refuses (the disk is full) is dropped, too. One line tells how
/// many were dropped, as soon as it can be written. Any thread.
class LogWriter {
 public:
  /// Makes the line that tells of dropped lines, with its newline. Called by one thread at a time.
  using TellDropped = std::function<std::string(std::uint64_t lines)>;
  static constexpr std::size_t default_room = std::size_t{1} << 20U;

  /// \param fd is duplicated, and never made non-blocking: others may share what it leads to.
  /// \param room in octets, for lines that wait.
  LogWriter(int fd, TellDropped tell_dropped, std::size_t room = default_room);
  /// Waits for nothing: call flush() before. The thread ends when its last line is written.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// \param line with its newline. Does not block on the reader.
  void write(std::string_view line);
  /// Waits until everything is written, or dropped. \return false: `patience` was not enough.
  bool flush(std::chrono::milliseconds patience);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the thread, which may outlive this object
};

}  // namespace base
