#include "updater/tunnel/path_teller.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using schema::PathEdit;
using schema::PeerPath;
using schema::Way;
using updater::LookupError;
using updater::PathTeller;
using updater::SeenWay;
using Kind = schema::PathEdit::Kind;
using Edits = std::vector<PathEdit>;

const auto bob = key(0x50);
const auto carol = key(0x60);

wg::PublicKey number(unsigned index) {
  return wg::PublicKey(
      base::Octets32{static_cast<std::uint8_t>(index >> 8U), static_cast<std::uint8_t>(index), 1});
}

PathEdit add(const wg::PublicKey& peer, Way way, std::optional<std::uint32_t> rtt = std::nullopt) {
  return {Kind::add, {peer, way, rtt}};
}
PathEdit remove(const wg::PublicKey& peer, Way way,
                std::optional<std::uint32_t> rtt = std::nullopt) {
  return {Kind::remove, {peer, way, rtt}};
}

/// An updater that reads its device every 0.5 s, and a server that answers at once. The server's
/// table is kept as RFC 2136 says.
class World {
 public:
  /// Runs until this time. \return what was sent meanwhile.
  std::vector<Edits> run_until(double seconds) {
    const std::size_t before = messages.size();
    for (; now <= seconds; now += 0.5) step();
    std::vector<Edits> made;
    for (std::size_t i = before; i < messages.size(); ++i) made.push_back(messages[i].edits);
    return made;
  }

  struct Message {
    double when;
    Edits edits;
  };

  std::vector<SeenWay> ways;
  base::Expected<dns::Rcode, LookupError> answer = dns::Rcode::noerror;
  bool loses_reply = false;  ///< the server does what it is told, and the answer gets lost
  PathTeller teller;
  std::vector<Message> messages;
  std::map<wg::PublicKey, PeerPath> server;
  double now = 0;

 private:
  void step() {
    const base::SteadyTime time = at(now).steady;
    if (!teller.is_due(time)) return;
    const Edits edits = teller.tell_if_due(time, ways, random_);
    if (edits.empty()) return;
    messages.push_back({now, edits});
    CHECK_FALSE(teller.is_due(time + 1h));
    CHECK(teller.tell_if_due(time + 1h, ways, random_).empty());
    const bool is_taken = loses_reply || (answer && *answer == dns::Rcode::noerror);
    for (const PathEdit& edit : edits) {
      if (!is_taken) break;
      if (edit.kind == Kind::remove_all) server.clear();
      if (edit.kind == Kind::add) server[edit.path.peer] = edit.path;
      const auto found = server.find(edit.path.peer);
      if (edit.kind == Kind::remove && found != server.end() && found->second == edit.path)
        server.erase(found);
    }
    teller.learn(time, loses_reply ? base::Unexpected(LookupError::timeout) : answer, random_);
  }

  std::minstd_rand random_{1};
};

}  // namespace

TEST_CASE("a start removes what an earlier run told, and tells what is so 5 s later") {
  World world;
  CHECK(world.run_until(30).empty());  // there is no other peer
  world.ways = {{carol, Way::none, 10ms}, {bob, Way::direct, 12ms}};
  const auto sent = world.run_until(60);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0] == Edits{{Kind::remove_all}, add(bob, Way::direct, 16), add(carol, Way::none)});
  World other;
  other.ways = world.ways;
  CHECK(other.run_until(4.5).empty());
  CHECK(other.run_until(5).size() == 1);
}

TEST_CASE("only what changed is told, at most one message in 10 s") {
  World world;
  world.ways = {{bob, Way::direct, 12ms}, {carol, Way::relay}};
  REQUIRE(world.run_until(5).size() == 1);
  world.ways[1] = {carol, Way::direct, 30ms};
  CHECK(world.run_until(14.5).empty());
  CHECK(world.run_until(17) == std::vector<Edits>{{add(carol, Way::direct, 32)}});
  world.ways[1].way = Way::relay;
  CHECK(world.run_until(20).empty());
  world.ways[1].way = Way::direct;  // and back, before it could be told
  CHECK(world.run_until(60).empty());
  world.ways = {{carol, Way::direct, 30ms}};
  CHECK(world.run_until(65) == std::vector<Edits>{{remove(bob, Way::direct, 16)}});
  world.ways.clear();
  CHECK(world.run_until(80) == std::vector<Edits>{{remove(carol, Way::direct, 32)}});
  CHECK(world.server.empty());
  CHECK(world.run_until(1000).empty());
  for (std::size_t i = 1; i < world.messages.size(); ++i)
    CHECK(world.messages[i].when - world.messages[i - 1].when >= 10);
}

TEST_CASE("all of it is told again every 120 s, 20 % more or less, without removing anything") {
  World world;
  world.ways = {{bob, Way::direct, 12ms}, {carol, Way::relay}};
  world.run_until(1000);
  REQUIRE(world.messages.size() >= 7);
  REQUIRE(world.messages.size() <= 11);
  for (std::size_t i = 1; i < world.messages.size(); ++i) {
    const double pause = world.messages[i].when - world.messages[i - 1].when;
    CHECK(pause >= 95);
    CHECK(pause <= 147);
    CHECK(world.messages[i].edits == Edits{add(bob, Way::direct, 16), add(carol, Way::relay)});
  }
}

TEST_CASE("a round trip that stays near the edge of two powers is no change") {
  World world;
  world.ways = {{bob, Way::direct, 15900us}};
  REQUIRE(world.run_until(5).size() == 1);
  std::minstd_rand random(7);
  std::uniform_int_distribution<int> near(12500, 19900);
  for (double seconds = 6; seconds < 1000; seconds += 1) {
    world.ways[0].round_trip = std::chrono::microseconds(near(random));
    for (const Edits& edits : world.run_until(seconds))
      CHECK(edits == Edits{add(bob, Way::direct, 16)});
  }
}

TEST_CASE("a round trip that stays a little beyond an edge is no change") {
  for (const auto round_trip : {19900us, 6100us}) {
    CAPTURE(round_trip.count());
    World world;
    world.ways = {{bob, Way::direct, 12ms}};
    REQUIRE(world.run_until(5).size() == 1);
    world.ways[0].round_trip = round_trip;
    CHECK(world.run_until(95).empty());
  }
}

TEST_CASE("another round trip is told when it lasted 30 s; one that comes and goes is not") {
  World world;
  world.ways = {{bob, Way::direct, 12ms}};
  REQUIRE(world.run_until(5).size() == 1);
  for (double seconds = 20; seconds < 45; seconds += 20) {
    world.ways[0].round_trip = 100ms;
    CHECK(world.run_until(seconds).empty());
    world.ways[0].round_trip = 12ms;
    CHECK(world.run_until(seconds + 3).empty());
  }
  SUBCASE("a longer one") {
    world.ways[0].round_trip = 21ms;
    const double start = world.now;
    CHECK(world.run_until(start + 29).empty());
    CHECK(world.run_until(start + 34) == std::vector<Edits>{{add(bob, Way::direct, 32)}});
  }
  SUBCASE("a shorter one") {
    world.ways[0].round_trip = 6ms;
    const double start = world.now;
    CHECK(world.run_until(start + 29).empty());
    CHECK(world.run_until(start + 34) == std::vector<Edits>{{add(bob, Way::direct, 8)}});
  }
  SUBCASE("with another way, at once") {
    world.ways[0] = {bob, Way::relay, 100ms};
    CHECK(world.run_until(world.now + 3) == std::vector<Edits>{{add(bob, Way::relay, 128)}});
  }
  SUBCASE("no session, no round trip") {
    world.ways[0].way = Way::none;
    CHECK(world.run_until(world.now + 3) == std::vector<Edits>{{add(bob, Way::none)}});
  }
  SUBCASE("the first one that is measured, at once") {
    world.ways[0].round_trip.reset();
    CHECK(world.run_until(world.now + 3) == std::vector<Edits>{{add(bob, Way::direct)}});
    world.ways[0].round_trip = 12ms;
    CHECK(world.run_until(world.now + 11) == std::vector<Edits>{{add(bob, Way::direct, 16)}});
  }
}

TEST_CASE("256 ways go in messages of ten, 10 s apart; the server's 300 s never run out") {
  World world;
  for (unsigned i = 0; i < 300; ++i)
    world.ways.push_back({number(i), i % 2 == 0 ? Way::direct : Way::none});
  world.run_until(262);
  CHECK(world.messages.size() == 26);
  CHECK(world.server.size() == 256);
  // Those without a session are left out first.
  CHECK(world.server.count(number(298)) == 1);
  CHECK(world.server.count(number(211)) == 1);
  CHECK(world.server.count(number(213)) == 0);
  std::size_t removals = 0;
  for (std::size_t i = 0; i < world.messages.size(); ++i) {
    const Edits& edits = world.messages[i].edits;
    CHECK(edits.size() <= schema::max_path_edits + (i == 0 ? 1 : 0));
    for (const PathEdit& edit : edits) removals += edit.kind == Kind::add ? 0 : 1;
    if (i > 0) CHECK(world.messages[i].when - world.messages[i - 1].when >= 10);
  }
  CHECK(removals == 1);
  // News go before what is only told again.
  world.ways[298].way = Way::relay;
  const auto sent = world.run_until(world.now + 13);
  REQUIRE(!sent.empty());
  CHECK(sent.front().front() == add(number(298), Way::relay));
  // Every record is told again, in rounds.
  std::map<wg::PublicKey, double> last;
  const double from = world.now;
  world.run_until(from + 600);
  double previous = from;
  for (const World::Message& message : world.messages) {
    for (const PathEdit& edit : message.edits) last[edit.path.peer] = message.when;
    if (message.when < from) continue;
    CHECK(message.when - previous < 150);
    previous = message.when;
  }
  for (const auto& [peer, path] : world.server) CHECK(last[peer] > from + 150);
}

TEST_CASE("without a reply it is not known what the server has: told again, ever more slowly") {
  enum class Loss { message, reply, server };
  for (const Loss loss : {Loss::message, Loss::reply, Loss::server}) {
    for (const bool is_gone : {false, true}) {
      CAPTURE(static_cast<int>(loss));
      CAPTURE(is_gone);
      World world;
      world.ways = {{bob, Way::direct, 12ms}, {carol, Way::relay}};
      REQUIRE(world.run_until(5).size() == 1);
      world.loses_reply = loss == Loss::reply;
      if (loss == Loss::message) world.answer = base::Unexpected(LookupError::timeout);
      if (loss == Loss::server) world.answer = dns::Rcode::servfail;
      world.ways[1].way = Way::direct;
      const auto tried = world.run_until(200);
      CHECK(tried.size() >= 5);
      CHECK(tried.size() <= 6);
      for (const Edits& edits : tried) CHECK(edits == Edits{add(carol, Way::direct)});
      for (std::size_t i = 1; i < world.messages.size(); ++i)
        CHECK(world.messages[i].when - world.messages[i - 1].when >= 9.5);
      CHECK(world.teller.trouble().has_value());
      world.answer = dns::Rcode::noerror;
      world.loses_reply = false;
      // It may be there with either way, so it cannot be removed alone.
      if (is_gone) world.ways.pop_back();
      world.run_until(300);
      CHECK(!world.teller.trouble());
      CHECK(world.server.count(bob) == 1);
      CHECK(world.server.count(carol) == (is_gone ? 0 : 1));
      if (!is_gone) CHECK(world.server.at(carol) == PeerPath{carol, Way::direct});
    }
  }
}

TEST_CASE("a server that refuses: silence for 10 min, and for a minute where it took messages") {
  World world;
  world.ways = {{bob, Way::direct, 12ms}};
  SUBCASE("it is older than these messages") {
    world.answer = dns::Rcode::refused;
    CHECK(world.run_until(5).size() == 1);
    CHECK(world.teller.trouble() == "it answers REFUSED");
    CHECK(world.run_until(480).empty());
    CHECK(world.run_until(730).size() == 1);
  }
  SUBCASE("it took one before") {
    REQUIRE(world.run_until(5).size() == 1);
    world.answer = dns::Rcode::refused;
    world.ways.push_back({carol, Way::direct});
    CHECK(world.run_until(17).size() == 1);
    CHECK(world.run_until(60).empty());
    world.answer = dns::Rcode::noerror;
    world.ways.pop_back();  // the look-up says that it is not registered
    const auto sent = world.run_until(90);
    CHECK(sent == std::vector<Edits>{{{Kind::remove_all}, add(bob, Way::direct, 16)}});
    CHECK(world.server.size() == 1);
  }
  SUBCASE("it takes none any more") {
    REQUIRE(world.run_until(5).size() == 1);
    world.answer = dns::Rcode::refused;
    world.run_until(2000);
    REQUIRE(world.messages.size() >= 4);
    CHECK(world.messages[2].when - world.messages[1].when < 75);
    CHECK(world.messages[3].when - world.messages[2].when >= 480);
  }
}

TEST_CASE("another server is told everything from the start") {
  World world;
  world.ways = {{bob, Way::direct, 12ms}};
  REQUIRE(world.run_until(5).size() == 1);
  world.teller.forget();
  CHECK(world.run_until(9.5).empty());
  const auto sent = world.run_until(11);
  CHECK(sent == std::vector<Edits>{{{Kind::remove_all}, add(bob, Way::direct, 16)}});
}
