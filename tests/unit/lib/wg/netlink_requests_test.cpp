#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/encoding.hpp"
#include "tests/unit/lib/wg/sample_key.hpp"
#include "wg/netlink_codec.hpp"

namespace {

using wg_test::public_key;

/// The updates in a request, as text, in the order in which the kernel would apply them.
std::string read_request(const wg::NetlinkRequest& request) {
  base::Bytes rest(request);
  const auto taken = wg::take_message(rest);
  REQUIRE(taken.has_value());
  REQUIRE(rest.empty());
  std::string shown;
  base::Bytes attributes = taken->payload.subspan(sizeof(genlmsghdr));
  const auto next = [](base::Bytes& from) {
    std::uint16_t length = 0;
    std::uint16_t type = 0;
    std::memcpy(&length, from.data(), 2);
    std::memcpy(&type, from.data() + 2, 2);
    const base::Bytes value = from.subspan(4, length - 4U);
    from = from.subspan(std::min<std::size_t>((std::size_t{length} + 3) / 4 * 4, from.size()));
    return std::pair(type & NLA_TYPE_MASK, value);
  };
  CHECK(next(attributes).first == WGDEVICE_A_IFNAME);
  auto [type, peers] = next(attributes);
  CHECK(type == WGDEVICE_A_PEERS);
  CHECK(attributes.empty());
  while (!peers.empty()) {
    base::Bytes peer = next(peers).second;
    while (!peer.empty()) {
      const auto [kind, value] = next(peer);
      shown += fmt::format("{}:{} ", kind,
                           kind == WGPEER_A_ENDPOINT
                               ? fmt::format("[{}]", value.size())
                               : base::to_hex(value.first(std::min<std::size_t>(value.size(), 4))));
    }
    shown += "/ ";
  }
  return shown;
}

TEST_CASE("a kick names its peer twice in one request, each update-only") {
  const std::array<wg::PeerUpdate, 3> updates = {{
      {public_key(1), base::Endpoint::parse("203.0.113.10:51820"), std::chrono::seconds(0)},
      {public_key(1), std::nullopt, std::chrono::seconds(0x1234)},
      {public_key(2), base::Endpoint::parse("[2001:db8::1]:1"), std::nullopt},
  }};
  const auto requests = wg::write_set_requests(0x1d, 7, "wg0", updates);
  REQUIRE(requests.size() == 1);
  base::Bytes rest(requests[0]);
  CHECK(wg::take_message(rest)->sequence == 7);
  CHECK(read_request(requests[0]) ==
        "1:01070707 3:04000000 4:[16] 5:0000 / 1:01070707 3:04000000 5:3412 / "
        "1:02070707 3:04000000 4:[28] / ");
}

TEST_CASE("many updates go in several requests, and a kick is never torn") {
  std::vector<wg::PeerUpdate> updates;
  for (unsigned i = 0; i < 2000; ++i) {
    base::Octets32 octets{};
    octets[0] = static_cast<std::uint8_t>(i);
    octets[1] = static_cast<std::uint8_t>(i >> 8U);
    const wg::PublicKey peer(octets);
    updates.push_back({peer, base::Endpoint::parse("[2001:db8::1]:1"), std::chrono::seconds(0)});
    updates.push_back({peer, std::nullopt, std::chrono::seconds(25)});
    if (i % 3 == 0) updates.push_back({peer, std::nullopt, std::chrono::seconds(26)});
  }
  const auto requests = wg::write_set_requests(0x1d, 100, "wg0", updates);
  CHECK(requests.size() > 5);
  CHECK(requests.size() < 20);
  std::string all;
  std::string last;
  std::uint32_t sequence = 100;
  for (const auto& request : requests) {
    CHECK(request.size() <= wg::max_netlink_request);
    base::Bytes rest(request);
    CHECK(wg::take_message(rest)->sequence == sequence++);
    const std::string shown = read_request(request);
    CHECK(shown.substr(0, 10) != last);
    last = shown.substr(shown.rfind("1:"), 10);
    all += shown;
  }
  CHECK(std::count(all.begin(), all.end(), '/') == static_cast<std::ptrdiff_t>(updates.size()));
  CHECK(wg::write_set_requests(0x1d, 1, "wg0", {}).empty());
}

TEST_CASE("more updates of one peer than a request holds are split in order") {
  std::vector<wg::PeerUpdate> updates;
  for (unsigned i = 0; i < 1000; ++i)
    updates.push_back({public_key(1), std::nullopt, std::chrono::seconds(i)});
  std::size_t count = 0;
  for (const auto& request : wg::write_set_requests(0x1d, 1, "wg0", updates)) {
    const std::string shown = read_request(request);
    count += static_cast<std::size_t>(std::count(shown.begin(), shown.end(), '/'));
  }
  CHECK(count == 1000);
}

TEST_CASE("allowed-ips are replaced, taken away, or moved to a peer") {
  const auto prefix = [](const char* text) { return *base::Prefix::parse(text); };
  const std::array<wg::PeerUpdate, 3> updates = {{
      {public_key(1), std::nullopt, std::nullopt, {{prefix("10.0.0.3/32")}}},
      {public_key(1), std::nullopt, std::nullopt, std::vector<base::Prefix>()},
      {public_key(2),
       std::nullopt,
       std::nullopt,
       {},
       {prefix("10.0.0.3/32"), prefix("fd00::3/128")}},
  }};
  const auto requests = wg::write_set_requests(0x1d, 7, "wg0", updates);
  REQUIRE(requests.size() == 1);
  // 4: update-only, 6: it replaces all allowed-ips, too. An empty list takes all away.
  CHECK(read_request(requests[0]) ==
        "1:01070707 3:06000000 9:1c000080 / 1:01070707 3:06000000 9: / "
        "1:02070707 3:04000000 9:1c000080 / ");
  const auto& octets = requests[0];
  const auto count = [&](const std::vector<std::uint8_t>& part) {
    int found = 0;
    for (auto at = octets.begin();; ++found, ++at) {
      at = std::search(at, octets.end(), part.begin(), part.end());
      if (at == octets.end()) return found;
    }
  };
  CHECK(count({6, 0, 1, 0, AF_INET, 0, 0, 0, 8, 0, 2, 0, 10, 0, 0, 3, 5, 0, 3, 0, 32}) == 2);
  CHECK(count({6, 0, 1, 0, AF_INET6, 0, 0, 0, 20, 0, 2, 0, 0xfd}) == 1);
}

TEST_CASE("many updates with allowed-ips go in several requests, the two of a move together") {
  std::vector<wg::PeerUpdate> updates;
  const std::vector prefixes(wg::max_set_allowed_ips, *base::Prefix::parse("fd00::3/128"));
  for (unsigned i = 0; i < 200; ++i) {
    base::Octets32 octets{};
    octets[0] = static_cast<std::uint8_t>(i);
    const wg::PublicKey peer(octets);
    updates.push_back({peer, std::nullopt, std::nullopt, prefixes, prefixes});
    updates.push_back({peer, std::nullopt, std::chrono::seconds(25)});
  }
  std::size_t count = 0;
  for (const auto& request : wg::write_set_requests(0x1d, 1, "wg0", updates)) {
    CHECK(request.size() <= wg::max_netlink_request);
    const std::string shown = read_request(request);
    const auto updates_in_it = std::count(shown.begin(), shown.end(), '/');
    CHECK(updates_in_it % 2 == 0);
    count += static_cast<std::size_t>(updates_in_it);
  }
  CHECK(count == updates.size());
}

TEST_CASE("peers are removed update-only, then others added with their networks") {
  const wg::Membership change{
      {{public_key(2), {*base::Prefix::parse("10.0.0.3/32"), *base::Prefix::parse("fd00::3/128")}}},
      {public_key(1)}};
  const auto requests = wg::write_membership_requests(0x1d, 7, "wg0", change);
  REQUIRE(requests.size() == 1);
  // Each attribute is shown by its first four octets. For allowed-ips these are the header of the
  // first one, which has a family, an address and a length.
  CHECK(read_request(requests[0]) == "1:01070707 3:05000000 / 1:02070707 3:02000000 9:1c000080 / ");
  const auto& octets = requests[0];
  const auto has = [&](const std::vector<std::uint8_t>& part) {
    return std::search(octets.begin(), octets.end(), part.begin(), part.end()) != octets.end();
  };
  CHECK(has({6, 0, 1, 0, AF_INET, 0, 0, 0, 8, 0, 2, 0, 10, 0, 0, 3, 5, 0, 3, 0, 32}));
  CHECK(has({6, 0, 1, 0, AF_INET6, 0, 0, 0, 20, 0, 2, 0, 0xfd}));
}

TEST_CASE("before peers are removed, others get what is to be theirs") {
  wg::Membership change;
  change.removed = {public_key(1)};
  change.before = {
      {public_key(2), std::nullopt, std::nullopt, {}, {*base::Prefix::parse("10.0.0.3/32")}}};
  const auto requests = wg::write_membership_requests(0x1d, 7, "wg0", change);
  REQUIRE(requests.size() == 1);
  CHECK(read_request(requests[0]) == "1:02070707 3:04000000 9:1c000080 / 1:01070707 3:05000000 / ");
}

TEST_CASE("a great change of membership goes in several requests, and loses nobody") {
  wg::Membership change;
  for (unsigned i = 0; i < 2000; ++i) {
    base::Octets32 octets{};
    octets[0] = static_cast<std::uint8_t>(i);
    octets[1] = static_cast<std::uint8_t>(i >> 8U);
    change.removed.emplace_back(octets);
    octets[2] = 1;
    change.added.push_back({wg::PublicKey(octets),
                            std::vector(wg::max_set_allowed_ips, *base::Prefix::parse("fd00::3"))});
  }
  std::string all;
  for (const auto& request : wg::write_membership_requests(0x1d, 1, "wg0", change)) {
    CHECK(request.size() <= wg::max_netlink_request);
    all += read_request(request);
  }
  CHECK(std::count(all.begin(), all.end(), '/') == 4000);
  CHECK(wg::write_membership_requests(0x1d, 1, "wg0", {}).empty());
}

TEST_CASE("requests fit in the smallest form that they need") {
  for (const auto& request : {wg::write_family_request(3), wg::write_links_request(3),
                              wg::write_device_request(0x1d, 3, "a-name-of-15-ch")}) {
    CHECK(request.size() <= 64);
    base::Bytes rest(request);
    const auto taken = wg::take_message(rest);
    REQUIRE(taken.has_value());
    CHECK(taken->sequence == 3);
    CHECK(rest.empty());
  }
}

}  // namespace
