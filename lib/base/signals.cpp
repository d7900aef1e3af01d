#include "base/signals.hpp"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/last_error.hpp"

namespace base {
namespace {

sigset_t only_hangup() {
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void prepare_signals() {
  (void)std::signal(SIGPIPE, SIG_IGN);
  const sigset_t hangup = only_hangup();
  (void)::pthread_sigmask(SIG_SETMASK, &hangup, nullptr);
}

void let_hangup_end() {
  const sigset_t hangup = only_hangup();
  (void)::pthread_sigmask(SIG_UNBLOCK, &hangup, nullptr);
}

FileDescriptor open_hangups() {
  const sigset_t hangup = only_hangup();
  FileDescriptor made(::signalfd(-1, &hangup, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!made) throw std::system_error(last_error(), "SIGHUP cannot be taken");
  return made;
}

void take_hangup(int fd) {
  signalfd_siginfo taken{};
  // The kernel keeps one SIGHUP, however many were sent.
  [[maybe_unused]] const ssize_t size = ::read(fd, &taken, sizeof taken);
}

BlockedSignals::BlockedSignals() {
  sigset_t all{};
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

BlockedSignals::~BlockedSignals() {
  (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace base
