#include "base/capability.hpp"

#include <doctest/doctest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
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

TEST_CASE("what is permitted becomes effective") {
  std::thread([] {
    if (!base::has_capability(CAP_NET_RAW)) return;  // not root
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    REQUIRE(::syscall(SYS_capget, &header, sets.data()) == 0);
    for (auto& set : sets) set.effective = 0;
    REQUIRE(::syscall(SYS_capset, &header, sets.data()) == 0);
    CHECK_FALSE(base::has_capability(CAP_NET_RAW));
    base::use_permitted_capabilities();
    CHECK(base::has_capability(CAP_NET_RAW));
    REQUIRE(base::drop_capability(CAP_NET_RAW));
    base::use_permitted_capabilities();
    CHECK_FALSE(base::has_capability(CAP_NET_RAW));
  }).join();
}

TEST_CASE("a number above 31 is a capability, too") {
  std::thread([] {
    CHECK(base::drop_capability(CAP_BPF));
    CHECK_FALSE(base::has_capability(CAP_BPF));
  }).join();
}
