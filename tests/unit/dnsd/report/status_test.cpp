#include "dnsd/report/status.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using dnsd::Health;

dnsd::DaemonStatus healthy() {
  dnsd::DaemonStatus status;
  status.zone = "wg.example.org.";
  status.uptime = std::chrono::hours(25);
  status.is_ready = true;
  status.listeners = {{.address = "192.0.2.1:53", .is_listening = true, .problem = {}}};
  status.observatory.sources = {{.name = "wg0", .readable = true, .problem = {}, .peers = 2}};
  status.observatory.serial = 7;
  status.observatory.durable = true;
  return status;
}

}  // namespace

TEST_CASE(
    "health: down when nothing answers, degraded when something that was asked for is missing") {
  const struct {
    const char* name;
    void (*change)(dnsd::DaemonStatus&);
    Health expected;
  } rows[] = {
      {"all well", [](dnsd::DaemonStatus&) {}, Health::ok},
      {"a source was not read yet", [](auto& s) { s.is_ready = false; }, Health::degraded},
      {"a source fails", [](auto& s) { s.observatory.sources[0].problem = "gone"; },
       Health::degraded},
      {"the last reload failed", [](auto& s) { s.reload_problem = "line 3"; }, Health::degraded},
      {"a file of peers has a mistake", [](auto& s) { s.config_errors = {"line 3"}; },
       Health::degraded},
      {"a named address is waited for",
       [](auto& s) {
         s.listeners.push_back({.address = "192.0.2.2:53", .is_missed = true, .problem = {}});
       },
       Health::degraded},
      {"another server holds one of many addresses",
       [](auto& s) { s.listeners.push_back({.address = "192.0.2.2:53", .problem = "held"}); },
       Health::ok},
      {"nothing is listened on", [](auto& s) { s.listeners[0].is_listening = false; },
       Health::down},
      {"no listeners at all", [](auto& s) { s.listeners.clear(); }, Health::down},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    dnsd::DaemonStatus status = healthy();
    row.change(status);
    CHECK(dnsd::judge(status) == row.expected);
  }
}

TEST_CASE("status says what came to each built-in point") {
  const dnsd::Served served;
  dnsd::DaemonStatus status;
  CHECK(nlohmann::json::parse(dnsd::status_json(status, served))["points"].empty());
  status.points.push_back({"203.0.113.10:51820", {}});
  status.points[0].counters.handshakes = 7;
  status.points[0].counters.wrong_mac1 = 3;
  const auto json = nlohmann::json::parse(dnsd::status_json(status, served))["points"];
  CHECK(json[0]["endpoint"] == "203.0.113.10:51820");
  CHECK(json[0]["handshakes"] == 7);
  CHECK(json[0]["ignored"]["wrong_mac1"] == 3);
  CHECK(dnsd::status_text(status, served)
            .find("203.0.113.10:51820 7 handshakes, 0 cookies, 3 wrong mac1\n") !=
        std::string::npos);
}

TEST_CASE("status says what each point passes on, and what it does not") {
  const dnsd::Served served;
  dnsd::DaemonStatus status;
  status.points.push_back({"203.0.113.10:51820", {}});
  const auto relay = [&] {
    return nlohmann::json::parse(dnsd::status_json(status, served))["points"][0]["relay"];
  };
  const auto text = [&] { return dnsd::status_text(status, served); };
  CHECK(relay().is_null());
  CHECK(text().find("relay        203.0.113.10:51820 off\n") != std::string::npos);
  dnsd::RelayReport report;
  report.rates = {5'000'000, 0};
  report.counters.packets = 30;
  report.counters.octets = 4000;
  report.counters.ask_backs = 2;
  report.counters.over_rate = 7;
  report.counters.no_place = 1;
  report.counters.pauses = 3;
  report.counters.paused = 9;
  report.pairs.resize(4);
  status.points[0].relay = report;
  CHECK(
      text().find(
          "relay        203.0.113.10:51820 2 pairs, 30 packets, 4000 octets, 0 cookies, 2 "
          "asked back, 0 adopted, 3 pauses; relay-rate 5M, relay-total 0; dropped: 1 not there, 9 "
          "paused, 7 relay-rate\n") != std::string::npos);
  const auto json = relay();
  CHECK(json["rate_bits_per_second"] == 5'000'000);
  CHECK(json["total_bits_per_second"] == 0);
  CHECK(json["pairs"] == 2);
  CHECK(json["packets"] == 30);
  CHECK(json["octets"] == 4000);
  CHECK(json["asked_back"] == 2);
  CHECK(json["pauses"] == 3);
  CHECK(json["dropped"]["paused"] == 9);
  CHECK(json["dropped"]["relay_rate"] == 7);
  CHECK(json["dropped"]["crossing"] == 0);
}

TEST_CASE("peers are told with those to whom their packets were passed on") {
  const wg::PublicKey key{base::Octets32{1}};
  dnsd::PeerRecord peer;
  peer.detail = std::make_shared<const dnsd::PeerDetail>();
  CHECK(nlohmann::json::parse(dnsd::peer_json(key, peer))["relayed_to"].empty());
  std::vector<dnsd::RelayedTo> relayed = {{wg::PublicKey(base::Octets32{2}), "bob", 12, 3456}};
  CHECK(dnsd::peer_text(key, peer, {}, relayed)
            .ends_with(" relayed 12 packets, 3456 octets to bob (AgAA…AAAA)\n"));
  relayed.resize(10);
  CHECK(dnsd::peer_text(key, peer, {}, relayed).ends_with(", and to 2 others\n"));
  const auto json = nlohmann::json::parse(dnsd::peer_json(key, peer, {}, relayed));
  REQUIRE(json["relayed_to"].size() == 10);
  CHECK(json["relayed_to"][0]["public_key"] == relayed[0].key.to_base64());
  CHECK(json["relayed_to"][0]["name"] == "bob");
  CHECK(json["relayed_to"][0]["packets"] == 12);
  CHECK(json["relayed_to"][0]["octets"] == 3456);
}

TEST_CASE(
    "peers are told with the ways that they tell, those first that the other end contradicts") {
  using schema::Way;
  const wg::PublicKey key{base::Octets32{1}};
  const auto other = [](std::uint8_t number) { return wg::PublicKey(base::Octets32{number}); };
  dnsd::PeerRecord peer;
  peer.detail = std::make_shared<const dnsd::PeerDetail>();
  CHECK(nlohmann::json::parse(dnsd::peer_json(key, peer))["ways"].empty());
  std::vector<dnsd::ToldWay> ways = {{other(2), "bob", Way::direct, 16, Way::direct},
                                     {other(3), "carol", Way::relay, 64, Way::lan},
                                     {other(4), "", Way::none, {}, {}}};
  CHECK(
      dnsd::peer_text(key, peer, {}, {}, ways)
          .ends_with(" ways: carol relay 64 ms (carol: lan), bob direct 16 ms, BAAA…AAAA none\n"));
  const auto json = nlohmann::json::parse(dnsd::peer_json(key, peer, {}, {}, ways))["ways"];
  REQUIRE(json.size() == 3);
  CHECK(json[0]["public_key"] == other(2).to_base64());
  CHECK(json[0]["name"] == "bob");
  CHECK(json[0]["way"] == "direct");
  CHECK(json[0]["round_trip_milliseconds"] == 16);
  CHECK(json[0]["way_back"] == "direct");
  CHECK(json[1]["way_back"] == "lan");
  CHECK(json[2]["name"].is_null());
  CHECK(json[2]["round_trip_milliseconds"].is_null());
  CHECK(json[2]["way_back"].is_null());
  ways.resize(10);
  CHECK(dnsd::peer_text(key, peer, {}, {}, ways).ends_with(", and to 6 others\n"));
}

TEST_CASE("status says what happened inside the tunnels, where there are any") {
  dnsd::DaemonStatus status = healthy();
  const dnsd::Served served;
  CHECK(nlohmann::json::parse(dnsd::status_json(status, served))["tunnel"].is_null());
  CHECK(dnsd::status_text(status, served).find("tunnels") == std::string::npos);
  dnsd::InnerCounters counters;
  counters.packets = 6;
  counters.queries = 1;
  counters.updates = 2;
  counters.dropped[static_cast<std::size_t>(dnsd::InnerDrop::source)] = 3;
  status.tunnel = &counters;
  const auto json = nlohmann::json::parse(dnsd::status_json(status, served))["tunnel"];
  CHECK(json["packets"] == 6);
  CHECK(json["updates"] == 2);
  CHECK(json["dropped"]["source"] == 3);
  CHECK(json["dropped"]["query"] == 0);
  const std::string text = dnsd::status_text(status, served);
  CHECK(text.find("1 queries, 2 updates, 0 pings, 3 dropped: source 3\n") != std::string::npos);
}

TEST_CASE("status tells programs what it tells people") {
  dnsd::DaemonStatus status = healthy();
  status.observatory.sources[0].problem = "not UTF-8: \xff";
  status.points = {{"192.0.2.1:51820", {}}};
  const auto alice = *wg::PublicKey::parse("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
  status.odd_peers = {
      {alice, "alice", {.is_flapping = false, .clock_behind = std::chrono::hours(1)}}};
  const dnsd::Served served;
  const auto json = nlohmann::json::parse(dnsd::status_json(status, served));
  CHECK(json["state"] == "degraded");
  CHECK(json["serial"] == 7);
  CHECK(json["uptime_seconds"] == 90000);
  CHECK(json["odd_peers"][0]["public_key"] == alice.to_base64());
  CHECK(json["odd_peers"][0]["name"] == "alice");
  CHECK(json["odd_peers"][0]["clock_behind_seconds"] == 3600);
  const std::string text = dnsd::status_text(status, served);
  for (const char* part :
       {"degraded", "wg.example.org. serial 7", "1 d 01:00:00",
        "alice (xTIB…p8Dg): clock behind by 3600 s", "192.0.2.1:53 public", "wg0: not UTF-8"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("a peer is told with its endpoints, IPv6 first") {
  const auto key = *wg::PublicKey::parse("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
  dnsd::PeerDetail detail;
  detail.name = "alice";
  dnsd::PeerRecord peer;
  peer.ipv4 = base::Endpoint::parse("203.0.113.9:51820");
  peer.ipv6 = base::Endpoint::parse("[2001:db8::9]:51820");
  peer.since = base::WallTime(std::chrono::seconds(1700000000));
  peer.detail = std::make_shared<const dnsd::PeerDetail>(detail);
  CHECK(dnsd::peer_text(key, peer) ==
        "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= alice            "
        "[2001:db8::9]:51820,203.0.113.9:51820 since 2023-11-14T22:13:20Z\n");
  peer.stale = base::WallTime(std::chrono::seconds(1700000100));
  const auto json = nlohmann::json::parse(dnsd::peer_json(key, peer));
  CHECK(json["flapping"] == false);
  CHECK(json["clock_behind_seconds"].is_null());
  const dnsd::PeerOddity oddity{.is_flapping = true, .clock_behind = std::chrono::seconds(90)};
  const auto odd = nlohmann::json::parse(dnsd::peer_json(key, peer, oddity));
  CHECK(odd["flapping"] == true);
  CHECK(odd["clock_behind_seconds"] == 90);
  const std::string text = dnsd::peer_text(key, peer, oddity);
  CHECK(text.find("is its key used on two machines?") != std::string::npos);
  CHECK(text.find("clock behind by 90 s") != std::string::npos);
  CHECK(json["since"] == 1700000000);
  CHECK(json["last_seen"] == 1700000100);
  CHECK(json["stale"] == true);
  CHECK(json["hinted"] == false);
  peer.since = {};  // only an endpoint from a file of peers is old and was never confirmed
  CHECK(
      dnsd::peer_text(key, peer).ends_with(" hint from a file, as old as 2023-11-14T22:15:00Z\n"));
  CHECK(nlohmann::json::parse(dnsd::peer_json(key, peer))["hinted"] == true);
  peer = {};
  peer.detail = std::make_shared<const dnsd::PeerDetail>();
  CHECK(dnsd::peer_text(key, peer) ==
        "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= -                -\n");
}
