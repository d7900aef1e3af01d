#include "dnsd/point/point_notices.hpp"

#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace {

using dnsd::PointNotices;
using std::chrono::minutes;
using std::chrono::seconds;
using Kind = dnsd::PointRules::Notice::Kind;

/// Catches the log, as lines `LEVEL TEXT`.
class Log {
 public:
  Log() : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_));
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~Log() { spdlog::set_default_logger(before_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// The lines since the last call.
  std::string take() {
    std::string result = text_.str();
    text_.str({});
    return result;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

wg::PublicKey key_of(std::uint8_t number) {
  base::Octets32 octets{};
  octets[0] = number;
  return wg::PublicKey(octets);
}

struct Fixture {
  Log log;
  PointNotices notices{*base::Endpoint::parse("203.0.113.10:51820")};
  wg::PublicKey alice = key_of(1);
  base::Endpoint home = *base::Endpoint::parse("198.51.100.1:1");
  base::Endpoint away = *base::Endpoint::parse("198.51.100.2:2");
  base::SteadyTime now{};

  void tell(Kind kind) { notices.tell({kind, alice, home, away}, "alice", now); }
};

TEST_CASE("each kind of notice has its line") {
  Fixture f;
  const struct {
    Kind kind;
    std::string line;
  } rows[] = {
      {Kind::forged,
       "warning 203.0.113.10:51820: alice (AQAA…AAAA): packets in its name came from "
       "198.51.100.2:2, where it does not answer: they may be forged; it is still said to be at "
       "198.51.100.1:1\n"},
      {Kind::flapping,
       "warning 203.0.113.10:51820: alice (AQAA…AAAA): to and fro between 198.51.100.2:2 and "
       "198.51.100.1:1: is its key used on two machines?\n"},
      {Kind::settled,
       "info 203.0.113.10:51820: alice (AQAA…AAAA): no longer moves to and fro, now at "
       "198.51.100.1:1\n"},
  };
  for (const auto& row : rows) {
    f.tell(row.kind);
    CHECK(f.log.take() == row.line);
    f.now += PointNotices::pause;
  }
  f.notices.clock_behind(f.alice, "", seconds(7), f.now);
  CHECK(
      f.log.take() ==
      "warning 203.0.113.10:51820: (AQAA…AAAA): its clock is 7 s behind what it was: from another "
      "address its handshakes would look like replays and be ignored; set its clock, or accept it "
      "with: wg-dnsd peer reset\n");
}

TEST_CASE("one line per peer in ten minutes, whatever it is about; oddities are always kept") {
  Fixture f;
  f.tell(Kind::forged);
  CHECK_FALSE(f.log.take().empty());
  CHECK(f.notices.oddities().empty());  // a forged source is not the peer's doing
  f.now += PointNotices::pause - seconds(1);
  f.tell(Kind::flapping);
  f.notices.clock_behind(f.alice, "alice", seconds(60), f.now);
  CHECK(f.log.take().empty());
  CHECK(f.notices.oddities() ==
        dnsd::PeerOddities{{f.alice, {.is_flapping = true, .clock_behind = seconds(60)}}});
  f.notices.clock_behind(key_of(2), "bob", seconds(5), f.now);
  CHECK_FALSE(f.log.take().empty());
  f.now += seconds(1);
  f.tell(Kind::settled);
  CHECK_FALSE(f.log.take().empty());
}

TEST_CASE("an oddity ends by itself, each on its own, or with its peer") {
  Fixture f;
  f.tell(Kind::flapping);
  // Less than a second: still reported as behind.
  f.notices.clock_behind(f.alice, "alice", seconds(0), f.now);
  f.notices.clock_is_right(key_of(2));
  CHECK(f.notices.oddities() ==
        dnsd::PeerOddities{{f.alice, {.is_flapping = true, .clock_behind = seconds(1)}}});
  f.notices.clock_is_right(f.alice);
  CHECK(f.notices.oddities() ==
        dnsd::PeerOddities{{f.alice, {.is_flapping = true, .clock_behind = {}}}});
  f.tell(Kind::settled);
  CHECK(f.notices.oddities().empty());
  f.tell(Kind::flapping);
  (void)f.log.take();
  f.notices.forget(f.alice);
  CHECK(f.notices.oddities().empty());
  f.tell(Kind::forged);
  CHECK_FALSE(f.log.take().empty());  // another peer under an old key: logged at once
}

}  // namespace
