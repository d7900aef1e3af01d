#include "dnsd/peers/peer_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

namespace {

using dnsd::PeerDetail;
using dnsd::PeerRecord;

wg::PublicKey key(std::uint64_t number) {
  base::Octets32 octets{};
  for (std::size_t i = 0; i < 8; ++i) octets[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return wg::PublicKey(octets);
}

base::Endpoint ipv4(std::uint32_t number) {
  const std::array<std::uint8_t, 4> octets = {20, static_cast<std::uint8_t>(number >> 16U),
                                              static_cast<std::uint8_t>(number >> 8U),
                                              static_cast<std::uint8_t>(number)};
  return {base::IpAddress(octets), base::Port{static_cast<std::uint16_t>(number % 65535 + 1)}};
}

base::Endpoint ipv6(std::uint32_t number) {
  std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8};
  for (std::size_t i = 0; i < 4; ++i) octets[12 + i] = static_cast<std::uint8_t>(number >> (8 * i));
  return {base::IpAddress(octets), base::Port{static_cast<std::uint16_t>(number % 65535 + 1)}};
}

PeerRecord record(std::optional<base::Endpoint> v4, std::optional<base::Endpoint> v6 = {},
                  PeerDetail detail = {}) {
  return {v4,
          v6,
          base::WallTime(std::chrono::seconds(1700000000)),
          {},
          std::make_shared<const PeerDetail>(std::move(detail))};
}

void set(dnsd::PeerTable& table, const wg::PublicKey& peer, std::optional<PeerRecord> value) {
  const dnsd::PeerChange change{peer, std::move(value)};
  table.apply({&change, 1});
}

}  // namespace

TEST_CASE("every shape of a record comes back as it was") {
  PeerDetail one_ipv4;
  one_ipv4.allowed_ips = {*base::Prefix::parse("10.1.2.3/32")};
  PeerDetail one_ipv6;
  one_ipv6.allowed_ips = {*base::Prefix::parse("fd00::/64")};
  PeerDetail everything;
  everything.name = "alice";
  everything.allowed_ips = {*base::Prefix::parse("0.0.0.0/0"), *base::Prefix::parse("::/0")};
  everything.is_hub = true;
  everything.host_target = dnsd::HostTarget{*dns::Name::parse("vpn.example.net."), base::Port{7}};
  PeerDetail relayed;
  relayed.is_relayed = true;
  PeerDetail relayed_ipv6 = one_ipv6;
  relayed_ipv6.is_relayed = true;
  PeerDetail relayed_too = everything;
  relayed_too.is_relayed = true;
  std::vector<PeerRecord> shapes;
  for (const PeerDetail& detail :
       {PeerDetail{}, one_ipv4, one_ipv6, everything, relayed, relayed_ipv6, relayed_too}) {
    shapes.push_back(record({}, {}, detail));
    shapes.push_back(record(ipv4(1), {}, detail));
    shapes.push_back(record({}, ipv6(2), detail));
    shapes.push_back(record(ipv4(3), ipv6(4), detail));
    shapes.back().stale = base::WallTime(std::chrono::seconds(1700000500));
    shapes.push_back(record({}, {}, detail));
    shapes.back().since = base::WallTime{};
  }
  dnsd::PeerTable table;
  CHECK_FALSE(table.find(key(1)).has_value());
  // Every pair of shapes, so that every detail replaces every other.
  for (const PeerRecord& before : shapes) {
    for (const PeerRecord& after : shapes) {
      set(table, key(1), before);
      set(table, key(1), after);
      REQUIRE(table.find(key(1)).has_value());
      CHECK(*table.find(key(1)) == after);
      CHECK(table.find_endpoints(key(1), dnsd::PeerTable::hash(key(1)))->ipv4 == after.ipv4);
      CHECK(table.find_endpoints(key(1), dnsd::PeerTable::hash(key(1)))->ipv6 == after.ipv6);
      CHECK(table.size() == 1);
    }
  }
  set(table, key(1), std::nullopt);
  CHECK_FALSE(table.find(key(1)).has_value());
  CHECK_FALSE(table.snapshot(key(1), dnsd::PeerTable::hash(key(1))).has_value());
  CHECK(table.size() == 0);
}

TEST_CASE("a table that grew, shrank and was filled again holds what a map holds") {
  dnsd::PeerTable table;
  std::map<wg::PublicKey, PeerRecord> expected;
  std::uint64_t state = 1;
  const auto draw = [&](std::uint64_t limit) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33U) % limit;
  };
  for (int round = 0; round < 6; ++round) {
    const bool filling = round % 2 == 0;
    for (int i = 0; i < 4000; ++i) {
      const wg::PublicKey peer = key(draw(3000));
      if (filling || draw(10) == 0) {
        PeerDetail detail;
        if (draw(4) == 0) detail.name = "peer" + std::to_string(draw(100));
        const PeerRecord value =
            record(ipv4(static_cast<std::uint32_t>(draw(1U << 20U))), {}, detail);
        expected.insert_or_assign(peer, value);
        set(table, peer, value);
      } else {
        expected.erase(peer);
        set(table, peer, std::nullopt);
      }
    }
    CHECK(table.size() == expected.size());
    std::size_t visited = 0;
    bool all_as_expected = true;
    table.for_each([&](const wg::PublicKey& peer, const PeerRecord& value) {
      ++visited;
      all_as_expected = all_as_expected && expected.contains(peer) && expected.at(peer) == value;
    });
    CHECK(visited == expected.size());
    CHECK(all_as_expected);
    for (std::uint64_t i = 0; i < 3000; ++i) {
      if (table.find_endpoints(key(i), dnsd::PeerTable::hash(key(i))).has_value() !=
          expected.contains(key(i)))
        FAIL_CHECK(i);
    }
  }
}

// A reader sees one of the records that were written, never a mixture, and it never misses a
// registered peer, while entries are replaced, chains split and other entries erased.
TEST_CASE("readers see whole records while everything is rewritten") {
  constexpr std::uint32_t peers = 200;
  constexpr std::uint32_t rounds = 300;
  dnsd::PeerTable table;
  const auto version = [](std::uint32_t number) {
    PeerDetail detail;
    if (number % 3 == 0) detail.name = "n" + std::to_string(number);
    PeerRecord result = record(ipv4(number), ipv6(number), detail);
    result.since = base::WallTime(std::chrono::seconds(number));
    return result;
  };
  for (std::uint32_t i = 0; i < peers; ++i) set(table, key(i), version(i));
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> missing{0};
  std::atomic<std::uint64_t> mixed{0};
  std::atomic<std::uint64_t> reads{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      for (std::uint32_t i = 0; !done || i % peers != 0; ++i) {
        const auto endpoints =
            table.find_endpoints(key(i % peers), dnsd::PeerTable::hash(key(i % peers)));
        const auto whole = table.snapshot(key(i % peers), dnsd::PeerTable::hash(key(i % peers)));
        if (!endpoints || !whole) {
          ++missing;
          continue;
        }
        const auto is_whole = [](const dnsd::PeerEndpoints& seen) {
          if (!seen.ipv4 || !seen.ipv6) return false;
          const base::Bytes v4 = seen.ipv4->address.bytes();
          const std::uint32_t number =
              (std::uint32_t{v4[1]} << 16U) | (std::uint32_t{v4[2]} << 8U) | v4[3];
          return *seen.ipv4 == ipv4(number) && *seen.ipv6 == ipv6(number);
        };
        const auto number = static_cast<std::uint32_t>(whole->since.time_since_epoch().count());
        const bool detail_fits =
            number % 3 == 0 ? whole->detail && whole->detail->name == "n" + std::to_string(number)
                            : whole->detail == nullptr;
        if (!is_whole(*endpoints) || !is_whole(whole->endpoints) ||
            *whole->endpoints.ipv4 != ipv4(number) || !detail_fits)
          ++mixed;
        ++reads;
      }
    });
  }
  std::uint32_t number = peers;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    for (std::uint32_t i = 0; i < peers; ++i) {
      set(table, key(i), version(++number));
      // Another peer is added or erased: chains split, and freed entries serve other chains.
      const wg::PublicKey other = key(peers + number % 5000);
      set(table, other, table.find(other) ? std::nullopt : std::optional(version(number)));
    }
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(reads > 0);
  CHECK(missing == 0);
  CHECK(mixed == 0);
}
