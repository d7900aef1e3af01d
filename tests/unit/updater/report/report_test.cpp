#include "updater/report/report.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::LookupError;
using updater::PeerReport;
using updater::Report;

PeerReport make_hub() {
  PeerReport hub;
  hub.key = key(1);
  hub.is_hub = true;
  hub.state = "hub";
  hub.endpoint = endpoint("198.51.100.1:51820");
  hub.endpoint_from = "wireguard";
  hub.handshake_age = 5s;
  return hub;
}

PeerReport make_peer(std::string state) {
  PeerReport peer;
  peer.key = key(0x50);
  peer.state = std::move(state);
  peer.is_looked_up = true;
  return peer;
}

bool advises(const Report& report, std::string_view words) {
  for (const std::string& line : updater::advise(report, report.peers.back())) {
    if (line.find(words) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the JSON of a status has its version and every member, null where nothing is known") {
  Report report{"wg0", "wg.example.org.", endpoint("203.0.113.1:40001"), {make_hub()}};
  PeerReport peer = make_peer("direct");
  peer.endpoint = endpoint("192.168.1.7:51820");
  peer.round_trip = 1500us;
  peer.published = {endpoint("203.0.113.2:40001")};
  peer.nat = schema::NatMapping::address_dependent;
  report.peers.push_back(peer);
  report.nat = schema::NatMapping::endpoint_independent;
  const auto json = nlohmann::json::parse(updater::write_status_json(report));
  CHECK(json["version"] == 1);
  CHECK(json["interface"] == "wg0");
  CHECK(json["own_endpoint"] == "203.0.113.1:40001");
  CHECK(json["peers"][0]["hub"] == true);
  const auto& shown = json["peers"][1];
  CHECK(shown["public_key"] == peer.key.to_base64());
  CHECK(shown["path"] == "lan");
  CHECK(shown["round_trip_microseconds"] == 1500);
  CHECK(shown["handshake_age_seconds"].is_null());
  CHECK(shown["lookup_error"].is_null());
  CHECK(json["nat"] == "eim");
  CHECK(shown["nat"] == "adm");
  CHECK(json["peers"][0]["nat"].is_null());
  CHECK(shown["hopeless"].is_null());
  CHECK(shown["published_endpoints"][0] == "203.0.113.2:40001");
}

TEST_CASE("the path is direct, lan, hub or none") {
  PeerReport peer = make_peer("waiting");
  peer.endpoint = endpoint("203.0.113.2:40001");
  CHECK(peer.path() == "none");
  peer.state = "suspect";
  CHECK(peer.path() == "direct");
  peer.endpoint = endpoint("[fd00::1]:51820");
  CHECK(peer.path() == "lan");
  peer.is_routed = true;
  CHECK(peer.path() == "none");
  peer.has_detour = true;
  CHECK(peer.path() == "hub");
}

TEST_CASE("a relayed peer's way is told with its hub, since when and why") {
  PeerReport peer = make_peer("relayed");
  peer.endpoint = endpoint("198.51.100.1:51820");
  peer.endpoint_from = "relay";
  peer.relay = key(1);
  peer.path_age = 42s;
  peer.path_reason = "silent for 0.8 s";
  CHECK(peer.path() == "relay");
  PeerReport hub = make_hub();
  hub.name = "vpn";
  const Report report{"wg0", "wg.example.org.", {}, {hub, peer}};
  const auto json = nlohmann::json::parse(updater::write_status_json(report));
  CHECK(json["peers"][1]["relayed_by"] == hub.key.to_base64());
  CHECK(json["peers"][1]["path"] == "relay");
  CHECK(json["peers"][1]["path_seconds"] == 42);
  CHECK(json["peers"][1]["path_reason"] == "silent for 0.8 s");
  CHECK(json["peers"][0]["relayed_by"].is_null());
  CHECK(json["peers"][0]["path_seconds"].is_null());
  const std::string line =
      "relay by " + wg::describe_peer("vpn", hub.key) + " for 42 s: silent for 0.8 s\n";
  CHECK(updater::write_status(report).find(line) != std::string::npos);
  CHECK(updater::write_story(report, report.peers[1]).find(line) != std::string::npos);
  CHECK(updater::advise(report, report.peers[1]).empty());
}

TEST_CASE("a story keeps the last hundred events, and counts what repeats in a row") {
  updater::Story story;
  for (int i = 0; i < 3; ++i) story.add(at(i).wall, "again");
  CHECK(story.events().size() == 1);
  CHECK(story.events().front().times == 3);
  CHECK(story.events().front().when == at(2).wall);
  for (int i = 0; i < 500; ++i) story.add(at(i).wall, std::to_string(i));
  CHECK(story.events().size() == 100);
  CHECK(story.events().back().text == "499");
}

TEST_CASE("a peer is named by its key or by a beginning that is its alone") {
  Report report{"wg0", "wg.example.org.", {}, {make_hub(), make_peer("direct")}};
  const std::string name = report.peers[1].key.to_base64();
  CHECK(updater::find_peer(report, name) == &report.peers[1]);
  CHECK(updater::find_peer(report, name.substr(0, 2)) == &report.peers[1]);
  CHECK(updater::find_peer(report, "") == nullptr);
  CHECK(updater::find_peer(report, "zzzz") == nullptr);
  report.peers.push_back(report.peers[1]);
  CHECK(updater::find_peer(report, name.substr(0, 2)) == nullptr);
}

TEST_CASE("a name that one peer has is enough, before any beginning of a key") {
  Report report{"wg0", "wg.example.org.", {}, {make_hub(), make_peer("direct")}};
  report.peers[1].name = "bob";
  CHECK(updater::find_peer(report, "Bob") == &report.peers[1]);
  CHECK(updater::find_peer(report, "bo") == nullptr);
  report.peers[0].name = report.peers[1].key.to_base64().substr(0, 2);
  CHECK(updater::find_peer(report, report.peers[0].name) == &report.peers[0]);
  report.peers[0].name = "bob";
  CHECK(updater::find_peer(report, "bob") == nullptr);
}

TEST_CASE("a peer's name is in the table, its columns stay, and in the story") {
  Report report{"wg0", "wg.example.org.", {}, {make_hub(), make_peer("direct")}};
  report.peers[1].name = "a-name-of-some-length";
  const std::string text = updater::write_status(report);
  const auto line = [&](std::string_view beginning) {
    const std::size_t start = text.find('\n' + std::string(beginning)) + 1;
    return text.substr(start, text.find('\n', start) - start);
  };
  const std::string shown = line("a-name-of-some-length (");
  CHECK(line("PEER ").find("STATE") + 2 == shown.find("direct"));  // `…` has 3 octets
  CHECK(updater::write_story(report, report.peers[1])
            .starts_with("a-name-of-some-length, " + report.peers[1].key.to_base64() + "\n"));
}

TEST_CASE("a filter is a state, a path, a name or the beginning of a key") {
  PeerReport peer = make_peer("waiting");
  peer.name = "bob";
  const auto shows = [&](const std::vector<std::string>& words) {
    return updater::PeerFilter{words}.shows(peer);
  };
  CHECK(shows({}));
  for (const char* word : {"waiting", "none", "Bob"}) CHECK(shows({"other", word}));
  CHECK(shows({peer.key.to_base64().substr(0, 3)}));
  for (const char* word : {"direct", "bo", "", "zzz"}) CHECK_FALSE(shows({word}));

  const Report report{"wg0", "wg.example.org.", {}, {make_hub(), peer}};
  const std::string table = updater::write_status(report, {{"hub"}});
  CHECK(table.find("bob (") == std::string::npos);
  CHECK(table.find("hub ") != std::string::npos);
  const auto json = nlohmann::json::parse(updater::write_status_json(report, {{"bob"}}));
  CHECK(json["peers"].size() == 1);
  CHECK(json["peers"][0]["name"] == "bob");
  CHECK(updater::is_any_unreached(report));
  CHECK_FALSE(updater::is_any_unreached(report, {{"hub"}}));
}

TEST_CASE("what a person can do follows from what is known") {
  Report report{"wg0", "wg.example.org.", {}, {make_hub(), make_peer("waiting")}};
  PeerReport& peer = report.peers.back();
  const auto with_error = [&](LookupError error) {
    peer.lookup_error = error;
    return report;
  };
  CHECK_FALSE(advises(report, "could go through the hub"));
  peer.has_detour = true;
  CHECK(advises(report, "its addresses could go through the hub"));
  peer.is_member = true;
  CHECK_FALSE(advises(report, "could go through the hub"));
  CHECK_FALSE(advises(report, "role=hub"));
  peer.is_called_hub = true;
  CHECK(advises(report, "role=hub"));
  CHECK(advises(with_error(LookupError::no_such_name), "does not know this key"));
  CHECK(advises(with_error(LookupError::no_endpoint), "PersistentKeepalive"));
  CHECK(advises(with_error(LookupError::timeout), "delegation"));
  CHECK(advises(with_error(LookupError::foreign), "--server"));
  peer.lookup_error.reset();
  peer.published = {endpoint("203.0.113.2:40001")};
  CHECK(advises(report, "nothing comes from it"));
  peer.is_heard = true;
  CHECK(advises(report, "ours do not reach it"));
  peer.hopeless = "both NATs are symmetric";
  CHECK(advises(report, "both NATs are symmetric. On one of the two sides"));
  report.peers.front().handshake_age = 200s;
  CHECK(advises(report, "no session with the public host"));
  report.peers.erase(report.peers.begin());
  CHECK(advises(report, "--hub"));
  PeerReport found = make_hub();
  found.is_found_hub = true;
  report.peers.insert(report.peers.begin(), found);
  CHECK_FALSE(advises(report, "name the public host with --hub"));
  const std::string line = "`hub: " + found.key.to_base64() + "`";
  CHECK(updater::advise(report, found).front().starts_with("add " + line));
  CHECK(updater::write_status(report).find("for the configuration: " + line) != std::string::npos);
  CHECK(updater::write_story(report, found).find("now: found to be") != std::string::npos);
  report.peers.erase(report.peers.begin());
  report.peers.back().state = "direct";
  CHECK(updater::advise(report, report.peers.back()).empty());
  report.clock_behind = 86400s;
  CHECK(
      advises(report, "clock is behind: the last handshake of a peer lies 86400 s in the future"));
}

TEST_CASE(
    "a hub without a live session has no path, and what is wrong with it is said everywhere") {
  PeerReport never = make_hub();
  never.handshake_age.reset();
  CHECK(never.path() == "none");
  PeerReport old = make_hub();
  old.handshake_age = 180s;
  CHECK(old.path() == "none");
  CHECK(make_hub().path() == "direct");

  PeerReport silent = make_hub();
  silent.problem = "it does not answer at 198.51.100.1:51820, for 42 s";
  CHECK(silent.path() == "none");
  const Report report{"wg0", "wg.example.org.", std::nullopt, {silent}};
  CHECK(updater::write_status(report).find(silent.problem) != std::string::npos);
  CHECK(updater::write_story(report, silent).find("now: " + silent.problem) != std::string::npos);
  CHECK(advises(report, "hub-endpoint"));
  const auto json = nlohmann::json::parse(updater::write_status_json(report));
  CHECK(json["peers"][0]["problem"] == silent.problem);
  CHECK(!advises({"wg0", "wg.example.org.", std::nullopt, {make_hub()}}, "hub-endpoint"));
}
