#include "base/signals.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <thread>

namespace {

bool is_blocked(int signal) {
  sigset_t mask{};
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &mask) == 0);
  return sigismember(&mask, signal) == 1;
}

bool is_readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

/// Puts the mask of this process back at its end.
struct Mask {
  Mask() { REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &before) == 0); }
  ~Mask() { (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  Mask(const Mask&) = delete;
  Mask& operator=(const Mask&) = delete;
  sigset_t before{};
};

TEST_CASE("SIGHUPs wait from the first moment on, and are taken as one") {
  const Mask mask;
  base::prepare_signals();
  for (int i = 0; i < 3; ++i) REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  const base::FileDescriptor hangups = base::open_hangups();
  CHECK(is_readable(hangups.get()));
  base::take_hangup(hangups.get());
  CHECK_FALSE(is_readable(hangups.get()));
  base::take_hangup(hangups.get());  // there is none, and it does not wait
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  CHECK(is_readable(hangups.get()));
  base::take_hangup(hangups.get());
}

TEST_CASE("whatever mask was inherited, SIGTERM arrives; a command is ended by SIGHUP again") {
  const Mask mask;
  sigset_t inherited{};
  sigfillset(&inherited);
  REQUIRE(::pthread_sigmask(SIG_SETMASK, &inherited, nullptr) == 0);
  base::prepare_signals();
  CHECK(is_blocked(SIGHUP));
  CHECK_FALSE(is_blocked(SIGTERM));
  CHECK_FALSE(is_blocked(SIGINT));
  base::let_hangup_end();
  CHECK_FALSE(is_blocked(SIGHUP));
}

TEST_CASE("a thread that is made under BlockedSignals takes none; its maker takes them again") {
  bool in_thread = false;
  {
    const base::BlockedSignals blocked;
    std::thread([&] { in_thread = is_blocked(SIGTERM) && is_blocked(SIGHUP); }).join();
  }
  CHECK(in_thread);
  CHECK_FALSE(is_blocked(SIGTERM));
}

}  // namespace
