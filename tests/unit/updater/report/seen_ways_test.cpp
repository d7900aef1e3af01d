#include "updater/report/seen_ways.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <optional>

#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using schema::Way;
using updater::LookupError;
using updater::PeerReport;

/// A peer that the zone has, with a direct session.
PeerReport direct_peer() {
  PeerReport peer;
  peer.key = key(0x50);
  peer.state = "direct";
  peer.endpoint = endpoint("198.51.100.7:51820");
  peer.endpoint_from = "dns";
  peer.is_looked_up = true;
  peer.published = {*peer.endpoint};
  peer.round_trip = 12ms;
  return peer;
}

}  // namespace

TEST_CASE("the ways of a report: of the peers that the zone has") {
  struct Row {
    const char* name;
    std::function<void(PeerReport&)> change;
    std::optional<Way> expected;  ///< none: not told
  };
  const Row rows[] = {
      {"direct", [](PeerReport&) {}, Way::direct},
      {"suspect", [](PeerReport& p) { p.state = "suspect"; }, Way::direct},
      {"at its own network", [](PeerReport& p) { p.endpoint_from = "lan"; }, Way::lan},
      {"relayed",
       [](PeerReport& p) {
         p.state = "relayed";
         p.relay = key(1);
       },
       Way::relay},
      {"waiting", [](PeerReport& p) { p.state = "waiting"; }, Way::none},
      {"its addresses are the hub's",
       [](PeerReport& p) { p.is_member = p.is_routed = p.has_detour = true; }, Way::none},
      {"not seen yet",
       [](PeerReport& p) {
         p.lookup_error = LookupError::no_endpoint;
         p.published.clear();
       },
       Way::direct},
      {"the resolver fails now", [](PeerReport& p) { p.lookup_error = LookupError::timeout; },
       Way::direct},
      {"the resolver always failed",
       [](PeerReport& p) {
         p.lookup_error = LookupError::timeout;
         p.published.clear();
       },
       std::nullopt},
      {"not looked up", [](PeerReport& p) { p.is_looked_up = false; }, std::nullopt},
      {"not registered", [](PeerReport& p) { p.lookup_error = LookupError::no_such_name; },
       std::nullopt},
      {"left alone", [](PeerReport& p) { p.state = "ignored"; }, std::nullopt},
      {"a hub", [](PeerReport& p) { p.is_hub = true; }, std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    updater::Report report{"wg0", "wg.example.org.", std::nullopt, {direct_peer()}};
    row.change(report.peers.front());
    const auto ways = updater::find_seen_ways(report);
    REQUIRE(ways.size() == (row.expected ? 1 : 0));
    if (!row.expected) continue;
    CHECK(ways.front().peer == key(0x50));
    CHECK(ways.front().way == *row.expected);
    CHECK(ways.front().round_trip == 12ms);
  }
}
