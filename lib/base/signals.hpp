#pragma once

#include <csignal>

#include "base/file_descriptor.hpp"

/// What signals do to our programs, from the first moment on. SIGTERM and SIGINT end a program that
/// has not yet begun to take them, so a start can be stopped at once.
namespace base {

/// First thing in main(), before any thread is made. SIGPIPE is ignored: writing to a closed pipe
/// is an error like any other. SIGHUP waits, as one however many are sent, for open_hangups() or
/// let_hangup_end(). All others arrive, whatever mask was inherited. Threads that are made later do
/// the same.
void prepare_signals();

/// For a command, which reads nothing again: from now on SIGHUP ends it, also one that waits.
void let_hangup_end();

/// For the event loop of a daemon. \return readable while a SIGHUP waits, non-blocking. Any number
/// of them. \throws std::system_error: no descriptor is free.
[[nodiscard]] FileDescriptor open_hangups();
/// Takes the SIGHUP that waits, if any. \param fd of open_hangups()
void take_hangup(int fd);

/// While it lives, its thread takes no signal, and the threads that it makes never will: signals
/// are for the thread of the event loop, and interrupt nobody else. Used on one thread.
class BlockedSignals {
 public:
  BlockedSignals();
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace base
