#include "base/capability.hpp"

#include <doctest/doctest.h>
#include <linux/capability.h>

#include <thread>

TEST_CASE("a capability is given up by one thread, for good, and by the threads that it makes") {
  const bool had = base::has_capability(CAP_NET_ADMIN);
  const bool had_other = base::has_capability(CAP_NET_RAW);
  bool is_gone = false;
  bool has_here = true;
  bool has_below = true;
  bool has_other = false;
  std::thread([&] {
    is_gone = base::drop_capability(CAP_NET_ADMIN) && base::drop_capability(CAP_NET_ADMIN);
    has_here = base::has_capability(CAP_NET_ADMIN);
    has_other = base::has_capability(CAP_NET_RAW);
    std::thread([&] { has_below = base::has_capability(CAP_NET_ADMIN); }).join();
  }).join();
  CHECK(is_gone);
  CHECK_FALSE(has_here);
  CHECK_FALSE(has_below);
  CHECK(has_other == had_other);
  CHECK(base::has_capability(CAP_NET_ADMIN) == had);
}

TEST_CASE("a number above 31 is a capability, too") {
  std::thread([] {
    CHECK(base::drop_capability(CAP_BPF));
    CHECK_FALSE(base::has_capability(CAP_BPF));
  }).join();
}
