#include "updater/peer/mesh_way.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::MeshWay;
using updater::SessionHealth;
using Way = MeshWay::Way;

/// One end of a pair: its WireGuard's counters, and the way that it chooses. Time is the argument.
class End {
 public:
  explicit End(bool has_routes = false) : way_(has_routes) {}

  void receive(std::uint64_t octets) { shown_.rx_bytes += octets; }
  void send(std::uint64_t octets) { shown_.tx_bytes += octets; }
  void handshake(double now) {
    shown_.latest_handshake = handshake_at(now);
    receive(92);
  }
  void lose_detour() { has_detour_ = false; }
  void reply(std::chrono::microseconds round_trip) {
    if (way_.way() == Way::hub) return;
    way_.take_reply();
    round_trip_ = round_trip;
    receive(64);
  }

  /// \return whether an echo request is sent now.
  bool step(double now) {
    health_.observe(at(now), shown_);
    const auto verdict = health_.judge(at(now).steady, 25s, round_trip_);
    const MeshWay::Sight sight{at(now).steady, health_, verdict.session, has_detour_, round_trip_};
    way_.step(sight);
    const bool asks = way_.wants_echo(sight);
    if (asks) {
      way_.ask(at(now).steady);
      health_.expect_echo(at(now).steady);
      send(64);
    }
    return asks;
  }
  [[nodiscard]] Way way() const { return way_.way(); }
  [[nodiscard]] std::chrono::milliseconds pause(double now) const {
    return way_.pause(at(now).steady, health_);
  }
  /// Pings both ways, ten a second, answered; and echo requests, if `answers`.
  void pass(double from, double until, bool answers = true) {
    for (const double now : times(from, until, 0.1)) {
      receive(128);
      send(128);
      if (step(now) && answers) reply(2ms);
    }
  }

 private:
  wg::DevicePeer shown_;
  SessionHealth health_{at(0), wg::DevicePeer()};
  bool has_detour_ = true;
  std::optional<std::chrono::microseconds> round_trip_;
  MeshWay way_;
};

/// The first time from `from` on at which the end takes this way; nothing is received meanwhile.
double silent_until(End& end, double from, Way way, bool sends) {
  double now = from;
  for (; end.way() != way && now < from + 30; now += 0.1) {
    if (sends) end.send(128);
    end.step(now);
  }
  return now - from;
}

}  // namespace

TEST_CASE("without a handshake the hub carries the addresses; with one and an answer the session") {
  End end;
  CHECK_FALSE(end.step(400));
  CHECK(end.way() == Way::hub);
  end.handshake(400);
  CHECK(end.step(400.1));
  CHECK(end.way() == Way::trial);
  end.reply(2ms);
  end.step(400.2);
  CHECK(end.way() == Way::direct);
}

TEST_CASE("a session whose far end does not answer gives the addresses back within 0.8 s") {
  End end;
  end.handshake(1);
  end.step(1);
  REQUIRE(end.way() == Way::trial);
  CHECK(silent_until(end, 1.1, Way::hub, true) <= 0.8);
  SUBCASE("and is not tried again without a packet of it") {
    for (const double now : times(2, 100, 0.25)) {
      end.step(now);
      CHECK(end.way() == Way::hub);
    }
  }
  SUBCASE("keepalives of it bring ever rarer trials") {
    std::size_t trials = 0;
    for (const double now : times(2, 1000, 0.25)) {
      const Way before = end.way();
      if (static_cast<int>(now * 4) % 100 == 0) end.handshake(now);  // every 25 s
      end.step(now);
      if (before == Way::hub && end.way() == Way::trial) ++trials;
    }
    CHECK(trials >= 3);
    CHECK(trials <= 6);
  }
  SUBCASE("data of it says that it has our addresses now: at once") {
    for (const double now : times(2, 3, 0.25)) {
      end.receive(64);
      end.step(now);
      if (end.way() != Way::hub) break;
    }
    CHECK(end.way() == Way::trial);
  }
}

TEST_CASE("a peer that answers no echo requests proves itself by its data") {
  End end;
  end.handshake(1);
  end.step(1);
  end.pass(1.1, 3, /*answers=*/false);
  CHECK(end.way() == Way::direct);
  end.pass(3, 60, false);
  CHECK(end.way() == Way::direct);
}

TEST_CASE("lost in mid-flow: the addresses are back at the hub within 0.8 s, whoever sends") {
  const struct {
    const char* what;
    double gap;  ///< between two packets of the flow
    bool sends;
    double limit;
  } rows[] = {{"we send", 0.1, true, 0.6},
              {"the other sends, ten a second", 0.1, false, 0.8},
              {"the other sends, five a second", 0.2, false, 0.9},
              {"the other sends, one a second", 1.0, false, 1.8}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    End end;
    end.handshake(1);
    end.pass(1, 3);
    REQUIRE(end.way() == Way::direct);
    double sent = 3;
    for (const double now : times(3, 9, 0.1)) {
      if (now - sent > row.gap - 0.05) {
        sent = now;
        end.receive(128);
        end.send(128);
      }
      if (end.step(now)) end.reply(2ms);
    }
    REQUIRE(end.way() == Way::direct);
    CHECK(silent_until(end, 9, Way::hub, row.sends) <= row.limit);
  }
}

TEST_CASE("a session that works keeps the addresses, whatever the traffic") {
  const struct {
    const char* what;
    std::uint64_t received;
    std::uint64_t sent;
    int every;  ///< tenths of a second
  } rows[] = {{"both ways", 1280, 1280, 1},
              {"only in", 1280, 0, 1},
              {"only out", 0, 1280, 1},
              {"keepalives", 32, 32, 250},
              {"one a second", 128, 128, 10}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    End end;
    end.handshake(1);
    end.pass(1, 3);
    std::size_t echoes = 0;
    int tenth = 30;
    for (; tenth < 1200; ++tenth) {
      if (tenth % row.every == 0) {
        end.receive(row.received);
        end.send(row.sent);
      }
      if (end.step(tenth / 10.0)) {
        end.reply(2ms);
        ++echoes;
      }
      REQUIRE(end.way() == Way::direct);
    }
    CHECK(echoes <= 300);  // 2.5 a second at most
  }
}

TEST_CASE("two that ask each other come to rest") {
  End one;
  End other;
  for (End* end : {&one, &other}) {
    end->handshake(1);
    end->pass(1, 5);
  }
  std::size_t echoes = 0;
  for (const double now : times(5, 60, 0.1)) {
    for (auto [from, to] : {std::pair(&one, &other), std::pair(&other, &one)}) {
      if (!from->step(now)) continue;
      to->receive(64);
      to->send(64);
      from->reply(2ms);
      ++echoes;
    }
  }
  CHECK(echoes <= 6);
  CHECK(one.way() == Way::direct);
  CHECK(one.pause(60) == 250ms);
}

TEST_CASE("where the hub does not carry the addresses, only the end of the session takes them") {
  End end;
  end.lose_detour();
  end.handshake(1);
  end.step(1);
  CHECK(end.way() == Way::direct);
  for (const double now : times(1, 10, 0.1)) {
    end.send(128);
    CHECK_FALSE(end.step(now));
    CHECK(end.way() == Way::direct);
  }
  CHECK(silent_until(end, 10, Way::hub, true) < 10);
}

TEST_CASE("addresses that an earlier run left with a peer are on trial, or taken away at once") {
  End alive(true);
  alive.handshake(1);
  CHECK(alive.step(1));
  CHECK(alive.way() == Way::trial);
  CHECK(silent_until(alive, 1.1, Way::hub, false) <= 0.8);
  End dead(true);
  dead.step(400);
  CHECK(dead.way() == Way::hub);
}
