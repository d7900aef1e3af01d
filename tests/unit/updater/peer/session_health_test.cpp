#include "updater/peer/session_health.hpp"

#include <doctest/doctest.h>

#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::SessionHealth;
using Session = SessionHealth::Session;

/// A peer whose counters the test moves, read once a second.
class Link {
 public:
  /// \param age of its handshake at the start, seconds; negative: there was none.
  explicit Link(double age) : health_(at(0), first(age)) {}

  /// Takes a reading one second later, after these octets.
  void second(std::uint64_t received, std::uint64_t sent, bool handshake = false) {
    now_ += 1;
    peer_.rx_bytes += received;
    peer_.tx_bytes += sent;
    if (handshake) peer_.latest_handshake = handshake_at(now_);
    health_.observe(at(now_), peer_);
  }
  void seconds(int count, std::uint64_t received, std::uint64_t sent) {
    for (int i = 0; i < count; ++i) second(received, sent);
  }
  [[nodiscard]] Session session(std::chrono::seconds keepalive = 25s) const {
    return health_.judge(at(now_).steady, keepalive).session;
  }

 private:
  const wg::DevicePeer& first(double age) {
    peer_.public_key = key(1);
    peer_.endpoint = endpoint("203.0.113.10:51820");
    if (age >= 0) peer_.latest_handshake = handshake_at(-age);
    return peer_;
  }

  wg::DevicePeer peer_;
  double now_ = 0;
  SessionHealth health_;
};

constexpr std::uint64_t ping = 128;

}  // namespace

TEST_CASE("the age of the handshake decides at first sight") {
  CHECK(Link(-1).session() == Session::none);
  CHECK(Link(0).session() == Session::works);
  CHECK(Link(134).session() == Session::works);
  CHECK(Link(150).session() == Session::doubtful);
  CHECK(Link(180).session() == Session::dead);
  CHECK(Link(1e9).session() == Session::dead);
}

TEST_CASE("a handshake of the future is one of now") {
  wg::DevicePeer peer;
  peer.latest_handshake = handshake_at(1e6);
  const SessionHealth health(at(0), peer);
  CHECK(health.judge(at(179).steady, 0s).session != Session::dead);
  CHECK(health.judge(at(180).steady, 0s).session == Session::dead);
}

TEST_CASE("a clock that jumps later does not make a session old") {
  wg::DevicePeer peer;
  peer.latest_handshake = handshake_at(0);
  SessionHealth health(at(0), peer);
  base::Now later = at(10);
  later.wall += 3600s;
  health.observe(later, peer);
  CHECK(health.judge(later.steady, 0s).session == Session::works);
}

TEST_CASE("an idle tunnel works for as long as its keepalives come") {
  Link link(0);
  for (int i = 0; i < 4; ++i) {
    link.seconds(24, 0, 0);
    CHECK(link.session() == Session::works);
    link.second(32, 32);
  }
  CHECK(link.session() == Session::works);
}

TEST_CASE("a keepalive that does not come makes doubtful") {
  Link link(0);
  link.seconds(10, 0, 0);
  link.second(32, 0);
  link.seconds(34, 0, 0);
  CHECK(link.session() == Session::works);
  link.second(0, 32);
  CHECK(link.session() == Session::doubtful);
}

TEST_CASE("the faster keepalive puts the other off: such a silence is suspected once") {
  Link link(0);
  int doubtful = 0;
  for (int second = 1; second <= 600; ++second) {
    const bool rekey = second % 120 == 0;
    link.second(rekey ? SessionHealth::response_octets : 0,
                rekey              ? SessionHealth::initiation_octets + 32
                : second % 25 == 0 ? 32
                                   : 0,
                rekey);
    if (second > 125 && link.session() != Session::works) ++doubtful;
  }
  CHECK(doubtful == 0);
}

TEST_CASE("data that was flowing and stops makes doubtful after 2 s, without our sending") {
  Link link(0);
  link.seconds(5, 1000, 0);
  CHECK(link.session() == Session::works);
  link.second(0, 0);
  CHECK(link.session() == Session::works);
  link.second(0, 0);
  CHECK(link.session() == Session::doubtful);
  link.second(1000, 0);
  CHECK(link.session() == Session::works);
}

TEST_CASE("unanswered data makes doubtful after 2 s where answers were prompt") {
  Link link(0);
  link.second(ping, ping);
  link.seconds(3, 0, 0);
  link.second(32, 0);
  link.second(0, ping);
  link.second(0, ping);
  CHECK(link.session() == Session::works);
  link.second(0, ping);
  CHECK(link.session() == Session::doubtful);
}

TEST_CASE("silence after an exchange makes doubtful after 2 s: the last data may have been ours") {
  Link link(0);
  link.second(ping, ping);
  link.second(0, 0);
  CHECK(link.session() == Session::works);
  link.second(0, 0);
  CHECK(link.session() == Session::doubtful);

  Link quiet(0);
  quiet.second(ping, 0);
  quiet.seconds(20, 0, 0);
  CHECK(quiet.session() == Session::works);
}

TEST_CASE("unanswered data is dead after 12 s; unanswered keepalives are nothing") {
  Link data(0);
  data.seconds(12, 0, ping);
  CHECK(data.session() != Session::dead);
  data.second(0, ping);
  CHECK(data.session() == Session::dead);

  Link keepalives(0);
  keepalives.seconds(30, 0, 32);
  CHECK(keepalives.session() == Session::works);
}

TEST_CASE("a one-way flow works: WireGuard answers it every 10 s") {
  SUBCASE("outgoing") {
    Link link(0);
    for (int i = 0; i < 10; ++i) {
      link.seconds(10, 0, 5000);
      CHECK(link.session() == Session::works);
      link.second(32, 5000);
    }
  }
  SUBCASE("incoming") {
    Link link(0);
    for (int i = 0; i < 100; ++i) {
      link.second(5000, i % 10 == 9 ? 32 : 0);
      CHECK(link.session() == Session::works);
    }
  }
}

TEST_CASE("initiations alone do not prove the peer") {
  Link link(0);
  link.seconds(13, 0, ping);
  REQUIRE(link.session() == Session::dead);
  link.second(SessionHealth::initiation_octets, SessionHealth::response_octets);
  CHECK(link.session() == Session::dead);
  link.second(0, 0, true);
  CHECK(link.session() == Session::works);
}

TEST_CASE("a handshake that is overdue while sending is doubtful, then dead") {
  Link link(0);
  link.seconds(134, 32, 32);
  CHECK(link.session() == Session::works);
  link.second(32, 32);
  CHECK(link.session() == Session::doubtful);
  link.seconds(45, 32, 32);
  CHECK(link.session() == Session::dead);
}

TEST_CASE("counters that go back belong to a peer that was added again") {
  wg::DevicePeer peer;
  peer.rx_bytes = 100;
  peer.tx_bytes = 100;
  const SessionHealth health(at(0), peer);
  CHECK(health.continues(peer));
  peer.rx_bytes = 99;
  CHECK(!health.continues(peer));
}
