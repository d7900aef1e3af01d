#include "base/interfaces.hpp"

#include <doctest/doctest.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

TEST_CASE("the loopback address is found, with its interface, index and prefix") {
  const auto addresses = base::read_interface_addresses();
  REQUIRE(addresses);
  const auto loopback = base::IpAddress::parse("127.0.0.1");
  const auto found = std::find_if(addresses->begin(), addresses->end(),
                                  [&](const auto& entry) { return entry.address == loopback; });
  if (found == addresses->end()) return;  // a namespace whose loopback has no address
  CHECK(found->prefix_length == 8);
  CHECK(found->interface_index == ::if_nametoindex(found->interface.c_str()));
}

TEST_CASE("a watch that saw nothing says so at once") {
  auto watch = base::InterfaceWatch::open();
  REQUIRE(watch);
  CHECK(watch->fd() >= 0);
  (void)watch->drain();  // changes that the machine made meanwhile
  CHECK_FALSE(watch->drain());
}

TEST_CASE("a descriptor is closed once, by its last owner") {
  base::FileDescriptor first(::dup(0));
  REQUIRE(first);
  const int number = first.get();
  base::FileDescriptor second(std::move(first));
  CHECK(second.get() == number);
  CHECK(first.release() == -1);  // NOLINT(bugprone-use-after-move): the state is what is tested
  { const base::FileDescriptor third(std::move(second)); }
  CHECK(::close(number) == -1);
}
