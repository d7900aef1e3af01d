// Indices of sessions, where somebody else shares the port.

#include <doctest/doctest.h>

#include <set>

#include "noise/engine.hpp"
#include "noise/message.hpp"
#include "tests/unit/lib/noise/engine_fixture.hpp"

namespace {

/// Refuses the first ones that are drawn.
class Choosy : public wg_test::Recorder {
 public:
  bool may_draw(const wg::PublicKey& peer, noise::SessionIndex index) override {
    asked_for = peer;
    if (refused.size() < 3) {
      refused.insert(index);
      return false;
    }
    return true;
  }
  wg::PublicKey asked_for;
  std::set<noise::SessionIndex> refused;
};

TEST_CASE("an index that the handler refuses is not drawn, and the engine knows its own") {
  wg_test::Clock clock;
  Choosy out;
  noise::Engine engine(noise::KeyPair::draw(), out, {});
  const wg::PublicKey peer = noise::KeyPair::draw().public_key();
  engine.add_peer(peer, {});
  REQUIRE(engine.initiate(peer, wg_test::home, 1, clock.now));
  REQUIRE(out.sent.size() == 1);
  const auto message = noise::parse_message(out.sent[0].octets);
  const noise::SessionIndex index = std::get<noise::Initiation>(*message).sender;
  CHECK(out.asked_for == peer);
  CHECK(out.refused.size() == 3);
  CHECK_FALSE(out.refused.contains(index));
  CHECK(engine.owns_index(index));
  for (const noise::SessionIndex other : out.refused) CHECK_FALSE(engine.owns_index(other));
  engine.remove_peer(peer, clock.now.steady);
  CHECK_FALSE(engine.owns_index(index));
}

TEST_CASE(
    "the receiver of transport data is what parse_message() finds, and nothing else has one") {
  wg_test::Octets octets(33, 7);
  noise::write_data_header(0x01020304, 5, base::MutableBytes(octets).first(16));
  CHECK(noise::data_receiver(octets) == 0x01020304U);
  for (std::size_t size = 0; size <= octets.size(); ++size) {
    for (std::uint8_t type = 0; type < 6; ++type) {
      wg_test::Octets some(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(size));
      if (!some.empty()) some[0] = type;
      const auto message = noise::parse_message(some);
      const auto* const data = message ? std::get_if<noise::TransportData>(&*message) : nullptr;
      CHECK(noise::data_receiver(some).has_value() == (data != nullptr));
    }
  }
  octets[2] = 1;
  CHECK_FALSE(noise::data_receiver(octets));
}

}  // namespace
