#include "base/log_writer.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/capability.hpp"
#include "base/file_descriptor.hpp"
#include "base/signals.hpp"

namespace base {
namespace {

/// One descriptor that gets whole lines, and how many it did not get. Used by one thread at a time.
class LineOutput {
 public:
  LineOutput(int fd, LogWriter::TellDropped tell_dropped)
      : fd_(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), tell_dropped_(std::move(tell_dropped)) {}

  [[nodiscard]] bool is_file() const {
    struct stat status {};
    return ::fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode);
  }

  /// May wait for the reader.
  void put(std::string_view line) {
    tell();
    if (dropped_ > 0 || !put_whole(line)) ++dropped_;
  }
  void add_dropped(std::uint64_t lines) {
    dropped_ += lines;
    tell();
  }

 private:
  void tell() {
    if (dropped_ > 0 && put_whole(tell_dropped_(dropped_))) dropped_ = 0;
  }

  bool put_whole(std::string_view line) {
    if (is_cut_ && !put_octets("\n")) return false;
    is_cut_ = false;
    return put_octets(line);
  }

  bool put_octets(std::string_view octets) {
    while (!octets.empty()) {
      const ssize_t size = ::write(fd_.get(), octets.data(), octets.size());
      if (size >= 0) {
        octets.remove_prefix(static_cast<std::size_t>(size));
        is_cut_ = size > 0;
      } else if (errno == EAGAIN) {  // somebody else made it non-blocking
        pollfd writable{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
        (void)::poll(&writable, 1, -1);
      } else if (errno != EINTR) {
        return false;
      }
    }
    is_cut_ = false;
    return true;
  }

  FileDescriptor fd_;
  LogWriter::TellDropped tell_dropped_;
  std::uint64_t dropped_ = 0;
  bool is_cut_ = false;  // a part of a line is there
};

}  // namespace

struct LogWriter::Shared {
  Shared(int fd, TellDropped tell_dropped, std::size_t room_octets)
      : output(fd, std::move(tell_dropped)), is_direct(output.is_file()), room(room_octets) {}

  LineOutput output;  // of the thread; protected by mutex if is_direct
  const bool is_direct;
  const std::size_t room;

  std::mutex mutex;
  std::condition_variable changed;
  // Protected by mutex.
  std::vector<std::string> waiting;
  std::size_t octets = 0;     // in `waiting`
  std::uint64_t dropped = 0;  // behind the last of `waiting`
  bool is_busy = false;       // lines were taken and are being written
  bool is_closing = false;

  void run() {
    (void)drop_capability(CAP_NET_ADMIN);  // only who reads devices needs it
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return is_closing || !waiting.empty(); });
      if (waiting.empty()) return;
      const std::vector<std::string> lines = std::exchange(waiting, {});
      const std::uint64_t missing = std::exchange(dropped, 0);
      octets = 0;
      is_busy = true;
      lock.unlock();
      for (const std::string& line : lines) output.put(line);
      output.add_dropped(missing);
      lock.lock();
      is_busy = false;
      changed.notify_all();
    }
  }
};

LogWriter::LogWriter(int fd, TellDropped tell_dropped, std::size_t room)
    : shared_(std::make_shared<Shared>(fd, std::move(tell_dropped), room)) {
  if (shared_->is_direct) return;
  const BlockedSignals blocked;
  std::thread([shared = shared_] { shared->run(); }).detach();
}

LogWriter::~LogWriter() {
  const std::lock_guard lock(shared_->mutex);
  shared_->is_closing = true;
  shared_->changed.notify_all();
}

void LogWriter::write(std::string_view line) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->is_direct) return shared_->output.put(line);
  if (shared_->dropped > 0 || shared_->octets + line.size() > shared_->room) {
    ++shared_->dropped;
    return;
  }
  shared_->waiting.emplace_back(line);
  shared_->octets += line.size();
  shared_->changed.notify_all();
}

bool LogWriter::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(
      lock, patience, [this] { return shared_->waiting.empty() && !shared_->is_busy; });
}

}  // namespace base
