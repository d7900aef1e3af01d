#include "dnsd/control/free_address.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

/// The address as text; empty: there is none.
std::string free_in(const std::string& block, const std::vector<std::string>& taken) {
  std::vector<base::Prefix> prefixes;
  for (const std::string& one : taken) prefixes.push_back(*base::Prefix::parse(one));
  const auto found = dnsd::find_free_address(*base::Prefix::parse(block), prefixes);
  return found ? found->to_string() : std::string();
}

}  // namespace

TEST_CASE("the lowest address that no other block covers") {
  CHECK(free_in("10.0.0.0/24", {}) == "10.0.0.1");
  CHECK(free_in("10.0.0.0/24", {"10.0.0.1", "10.0.0.3"}) == "10.0.0.2");
  CHECK(free_in("10.0.0.0/24", {"10.0.0.3", "10.0.0.2", "10.0.0.1", "10.0.0.1"}) == "10.0.0.4");
  CHECK(free_in("10.0.0.0/24", {"10.0.0.0/25", "10.0.0.8/29", "10.0.0.128"}) == "10.0.0.129");
  CHECK(free_in("10.0.0.0/24", {"fd00::1", "10.0.1.1", "192.0.2.0/24"}) == "10.0.0.1");
  CHECK(free_in("10.0.255.0/23", {"10.0.254.0/24"}) == "10.0.255.0");
  CHECK(free_in("fd00::/64", {}) == "fd00::1");
  CHECK(free_in("fd00::/64", {"fd00::1", "fd00::/96"}) == "fd00::1:0:0");
}

TEST_CASE("network and broadcast are no peer's, and a block can be full") {
  CHECK(free_in("10.0.0.0/30", {"10.0.0.1"}) == "10.0.0.2");
  CHECK(free_in("10.0.0.0/30", {"10.0.0.1", "10.0.0.2"}).empty());
  CHECK(free_in("10.0.0.0/31", {}) == "10.0.0.0");
  CHECK(free_in("10.0.0.7/32", {}) == "10.0.0.7");
  CHECK(free_in("10.0.0.7/32", {"10.0.0.7"}).empty());
  CHECK(free_in("10.0.0.0/24", {"10.0.0.0/8"}).empty());
  CHECK(free_in("255.255.255.252/30", {"255.255.255.253", "255.255.255.254"}).empty());
  CHECK(free_in("fd00::/127", {"fd00::"}) == "fd00::1");
  CHECK(free_in("fd00::1/128", {"fd00::1"}).empty());
  CHECK(free_in("::/0", {"::/0"}).empty());
}
