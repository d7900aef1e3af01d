#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/updater/samples.hpp"
#include "updater/machine.hpp"
#include "updater/report/report.hpp"

// A hub that does not answer, or has no endpoint (doc/protocol.md §4.7).

namespace {

using namespace samples;
using updater::HubCandidate;
using updater::Note;
using updater::Plan;

const auto the_hub = key(0x01);
const std::string at_home = "198.51.100.1:51820";
const std::string elsewhere = "198.51.100.2:51820";
const std::string farther = "198.51.100.3:51820";
const std::string found_by = "hub-endpoint vpn.example.org:51820";

/// A machine whose only peer is a hub.
class HubRig {
 public:
  explicit HubRig(const std::string& endpoint_text, updater::Settings settings = {{the_hub}, 25s},
                  updater::Memory memory = {})
      : machine_(std::move(settings), std::move(memory), 1) {
    device_.name = "wg0";
    device_.public_key = key(0x20);
    device_.peers.emplace_back();
    hub().public_key = the_hub;
    hub().persistent_keepalive = 25s;
    hub().allowed_ips = {prefix("10.77.0.1/32")};
    if (!endpoint_text.empty()) hub().endpoint = endpoint(endpoint_text);
  }

  wg::DevicePeer& hub() { return device_.peers.front(); }
  updater::Machine& machine() { return machine_; }

  /// Steps, carries the plan out, and answers its look-ups of the hub.
  Plan step(double seconds) {
    Plan plan = machine_.step(at(seconds), device_, host_);
    for (const updater::Change& change : plan.changes) {
      changes.push_back(updater::describe(change.updates) + ": " + change.reason);
      if (change.level != Note::Level::detail) ++lines;
      for (const wg::PeerUpdate& update : change.updates) {
        if (update.endpoint) hub().endpoint = update.endpoint;
        if (update.persistent_keepalive) hub().persistent_keepalive = *update.persistent_keepalive;
      }
    }
    for (const Note& note : plan.notes) {
      if (note.level == Note::Level::trouble) troubles.push_back(note.text);
      if (note.level != Note::Level::detail) ++lines;
    }
    for (const auto& request : plan.hub_lookups) {
      requests.push_back(request);
      machine_.learn_hub(at(seconds), {the_hub, places, failures});
    }
    return plan;
  }
  /// Steps twice a second. WireGuard sends an initiation every 5 s, unless the hub is `live`.
  void run(double from, double until, bool live = false) {
    for (const double now : times(from, until, 0.5)) {
      const bool is_due = std::fmod(now, 5) == 0;
      if (hub().endpoint && is_due && !live) hub().tx_bytes += 148;
      if (live && is_due) answer(now);
      step(now);
      if (answers_at && hub().endpoint == endpoint(*answers_at)) answer(now + 0.1);
    }
  }
  /// A handshake with the hub has just been made.
  void answer(double seconds) {
    hub().latest_handshake = handshake_at(seconds);
    hub().rx_bytes += 92;
    hub().tx_bytes += 148;
  }
  updater::PeerReport report(double seconds) {
    return machine_.describe(at(seconds), device_).peers.front();
  }
  [[nodiscard]] std::vector<std::string> moves() const {
    std::vector<std::string> found;
    for (const std::string& change : changes) {
      if (change.find("endpoint ") == 0) found.push_back(change.substr(9, change.find(',') - 9));
    }
    return found;
  }

  std::vector<HubCandidate> places;
  std::vector<std::string> failures;
  std::optional<std::string> answers_at;
  std::vector<std::string> changes, troubles;
  std::vector<updater::HubRequest> requests;
  unsigned lines = 0;  ///< of the log, without details

 private:
  wg::Device device_;
  std::vector<base::InterfaceAddress> host_ = {own("192.168.1.5"), own("10.77.0.2", "wg0")};
  updater::Machine machine_;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a hub without an endpoint gets one at once, with one line in the log") {
  HubRig rig("");
  rig.places = {{endpoint(elsewhere), found_by}};
  rig.answers_at = elsewhere;
  rig.run(0, 60);
  CHECK(rig.changes == Texts{"endpoint " + elsewhere +
                             ", kick, keepalive 25 s: the public host has no endpoint; this is "
                             "from " +
                             found_by});
  CHECK(rig.lines == 1);
  CHECK(rig.report(60).problem.empty());
  CHECK(rig.report(60).path() == "direct");
}

TEST_CASE("a hub that never answers is looked for after 30 s, and each place has 10 s") {
  HubRig rig(at_home);
  rig.places = {{endpoint(elsewhere), found_by}, {endpoint(farther), "DNS"}};
  rig.run(0, 29);
  CHECK(rig.moves().empty());
  CHECK(rig.report(29).path() == "none");  // it never had a handshake
  rig.run(29, 36);
  CHECK(rig.moves() == Texts{elsewhere});
  CHECK(rig.report(36).problem.find("it does not answer at " + at_home + ", for ") == 0);
  CHECK(rig.report(36).problem.find("; trying " + elsewhere + ", from " + found_by) !=
        std::string::npos);
  rig.run(36, 46);
  CHECK(rig.moves() == Texts{elsewhere, farther});
  rig.run(46, 56);  // nobody is there either: back to where it was
  CHECK(rig.moves() == Texts{elsewhere, farther, at_home});
  REQUIRE(rig.troubles.size() == 1);
  CHECK(rig.troubles[0].find("no other place answers") != std::string::npos);
  const unsigned lines = rig.lines;
  rig.run(56, 600);
  CHECK(rig.lines == lines);  // the search goes on in silence
  CHECK(rig.requests.size() > 5);
}

TEST_CASE("a hub that moved while its session lived is looked for after 30 s without an answer") {
  HubRig rig(at_home);
  rig.places = {{endpoint(elsewhere), found_by}};
  rig.answers_at = elsewhere;
  rig.run(0, 120, /*live=*/true);
  CHECK(rig.changes.empty());
  rig.run(120, 149);
  CHECK(rig.moves().empty());
  rig.run(149, 200);
  CHECK(rig.moves() == Texts{elsewhere});
  CHECK(rig.requests.front().last_port == base::Port{51820});
}

TEST_CASE(
    "a hub that leaves data unanswered is looked for, though its initiations cannot be told "
    "apart") {
  HubRig rig(at_home);
  rig.places = {{endpoint(elsewhere), found_by}};
  rig.answer(0);
  for (const double now : times(0, 60, 0.5)) {
    rig.hub().tx_bytes += 128;
    if (now < 10) rig.hub().rx_bytes += 128;
    if (now >= 25 && std::fmod(now, 5) == 0) rig.hub().tx_bytes += 148;
    rig.step(now);
    if (now == 39) CHECK(rig.moves().empty());
  }
  CHECK(rig.moves().front() == elsewhere);
}

TEST_CASE("a hub that is heard, but not reached, is looked for") {
  HubRig rig(at_home);
  rig.places = {{endpoint(elsewhere), found_by}};
  rig.answer(0);
  for (const double now : times(0, 100, 1)) {  // it initiates, and our responses do not arrive
    if (now > 10 && std::fmod(now, 5) == 0) {
      rig.hub().rx_bytes += 148;
      rig.hub().tx_bytes += 92;
    }
    rig.step(now);
    if (now == 44) CHECK(rig.moves().empty());
  }
  CHECK(rig.moves().front() == elsewhere);
}

TEST_CASE("a hub that answers is never given another endpoint") {
  HubRig rig(at_home);
  rig.places = {{endpoint(elsewhere), found_by}};
  rig.answer(0);
  SUBCASE("a hub with nothing to say: keepalives are not answered, rekeys are") {
    for (const double now : times(0, 900, 1)) {
      if (std::fmod(now, 25) == 0) rig.hub().tx_bytes += 32;
      if (std::fmod(now, 120) == 119) rig.answer(now);
      rig.step(now);
    }
  }
  SUBCASE("two keepalives at once look like data") {
    for (const double now : times(0, 900, 1)) {
      if (std::fmod(now, 25) == 0) rig.hub().tx_bytes += 64;
      if (std::fmod(now, 120) == 119) rig.answer(now);
      rig.step(now);
    }
  }
  SUBCASE("handshakes are not answered, but its data comes") {
    for (const double now : times(0, 170, 1)) {
      if (std::fmod(now, 5) == 0) rig.hub().tx_bytes += 148;
      if (std::fmod(now, 10) == 9) rig.hub().rx_bytes += 128;
      rig.step(now);
    }
  }
  SUBCASE("a rekey is answered by the repetition") {
    for (const double now : times(0, 900, 0.5)) {
      const double phase = std::fmod(now, 120);
      if (phase == 100 || phase == 105) rig.hub().tx_bytes += 148;
      if (phase == 105.5) rig.answer(now);
      rig.step(now);
    }
  }
  CHECK(rig.moves().empty());
  CHECK(rig.requests.empty());
}

TEST_CASE("a hub that is only down is found where it was") {
  HubRig rig(at_home);
  rig.places = {{endpoint(elsewhere), "the zone's name server ns1"}};
  rig.run(0, 20, /*live=*/true);
  rig.run(20, 120);
  CHECK(rig.moves().front() == elsewhere);
  rig.answers_at = at_home;
  rig.run(120, 200);
  CHECK(rig.hub().endpoint == endpoint(at_home));
  CHECK(rig.report(200).problem.empty());
}

TEST_CASE("a hub is not looked for at refused places, and each refusal is told once") {
  HubRig rig("");
  rig.places = {{endpoint("192.168.1.5:51820"), "DNS"},  // this host
                {endpoint("10.77.0.1:51820"), "DNS"},    // in the tunnel
                {endpoint("127.0.0.1:51820"), "DNS"},
                {endpoint("[2001:db8::1]:51820"), "DNS"}};  // this host has no IPv6
  rig.run(0, 200);
  CHECK(rig.moves().empty());
  CHECK(rig.troubles.size() == 5);  // and that it is not found
  CHECK(rig.report(200).problem.find("it has no endpoint; nobody names another place") == 0);
}

TEST_CASE("why a hub without an endpoint is not found is said in the log and in the report") {
  HubRig rig("");
  rig.failures = {"hub-endpoint vpn.example.org:51820 cannot be resolved"};
  rig.run(0, 5);
  REQUIRE(rig.troubles.size() == 1);
  CHECK(rig.troubles[0].find(rig.failures[0]) != std::string::npos);
  CHECK(rig.report(5).problem ==
        "it has no endpoint; nobody names another place; " + rig.failures[0]);
  rig.failures.clear();
  rig.places = {{endpoint(elsewhere), found_by}};  // its name can be resolved now
  rig.answers_at = elsewhere;
  rig.run(5, 60);
  CHECK(rig.hub().endpoint == endpoint(elsewhere));
}

TEST_CASE("an endpoint that somebody sets meanwhile has its 30 s") {
  HubRig rig(at_home);
  rig.places = {{endpoint(elsewhere), found_by}};
  rig.run(0, 20);
  rig.hub().endpoint = endpoint(farther);
  rig.run(20, 45);
  CHECK(rig.moves().empty());
  rig.run(45, 60);
  CHECK(rig.moves() == Texts{elsewhere});
}

TEST_CASE("where a hub answered last is tried last, also after a restart") {
  HubRig first(at_home);
  first.run(0, 20, /*live=*/true);
  HubRig rig("", {{the_hub}, 25s}, first.machine().memory());
  rig.places = {{endpoint(elsewhere), found_by}};
  rig.run(0, 15);
  CHECK(rig.moves() == Texts{elsewhere, at_home});
}

TEST_CASE("a peer that only its text calls a hub is not looked for, and one round looks for none") {
  SUBCASE("not in the configuration") {
    HubRig rig(at_home, {{}, 25s});
    rig.places = {{endpoint(elsewhere), found_by}};
    (void)rig.step(0);
    rig.machine().learn_private(the_hub, {true, std::nullopt});
    rig.run(0, 100);
    CHECK(rig.requests.empty());
  }
  SUBCASE("one round") {
    HubRig rig("", {{the_hub}, 25s, true});
    rig.run(0, 100);
    CHECK(rig.requests.empty());
  }
}

TEST_CASE("a hub is asked for at its own places, or at those of all hubs") {
  updater::Settings settings{{the_hub}, 25s};
  settings.hub_endpoints = {{"vpn.example.org", base::Port{1}}};
  SUBCASE("all") {
    HubRig rig("", settings);
    rig.run(0, 1);
    CHECK(rig.requests.at(0).places == settings.hub_endpoints);
  }
  SUBCASE("its own") {
    settings.peers[the_hub].hub_endpoints = {{"own.example.org", base::Port{2}}};
    HubRig rig("", settings);
    rig.run(0, 1);
    CHECK(rig.requests.at(0).places == settings.peers[the_hub].hub_endpoints);
  }
}
