#include "updater/host/interface_lock.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

using updater::lock_interface;

namespace {

// Names that no other test of this host uses at the same time.
std::string test_interface(char which) {
  return fmt::format("t{}{}", which, ::getpid());
}

}  // namespace

TEST_CASE("an interface is locked once, and the second one learns the holder's process number") {
  const std::string interface = test_interface('a');
  auto first = lock_interface(interface);
  REQUIRE(first);
  CHECK(*first);
  const auto second = lock_interface(interface);
  REQUIRE(!second);
  CHECK(second.error().find(interface + ": ") == 0);
  CHECK(second.error().find(fmt::format("process {}", ::getpid())) != std::string::npos);
  CHECK(lock_interface(test_interface('b')));
}

TEST_CASE("a lock ends with its holder") {
  const std::string interface = test_interface('c');
  {
    const auto first = lock_interface(interface);
    REQUIRE(first);
  }
  CHECK(lock_interface(interface));
}

TEST_CASE("a lock ends with a holder that is killed") {
  const std::string interface = test_interface('d');
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = lock_interface(interface);
    const char done = lock && *lock ? 'y' : 'n';
    (void)!::write(ready[1], &done, 1);
    for (;;) ::pause();
  }
  char done = 0;
  REQUIRE(::read(ready[0], &done, 1) == 1);
  CHECK(done == 'y');
  const auto refused = lock_interface(interface);
  REQUIRE(!refused);
  CHECK(refused.error().find(fmt::format("kill {}", child)) != std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(lock_interface(interface));
}

TEST_CASE("however often it is asked for, the holder is named") {
  const std::string interface = test_interface('e');
  auto first = lock_interface(interface);
  REQUIRE(first);
  asio::io_context context;
  const updater::InterfaceLock lock(context, *std::move(first));
  for (int i = 0; i < 500; ++i) {
    const auto second = lock_interface(interface);
    REQUIRE(!second);
    REQUIRE(second.error().find(fmt::format("process {}", ::getpid())) != std::string::npos);
    context.poll();
  }
}
