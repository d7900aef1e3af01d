#include "noise/mac_search.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "noise/crypto.hpp"
#include "noise/mac_checker.hpp"

namespace {

TEST_CASE("the receiver of an initiation and of a response is found among any number of keys") {
  std::vector<wg::PublicKey> keys;
  std::vector<noise::MacState> states;
  for (std::size_t i = 0; i < 11; ++i) {
    base::Octets32 octets{};
    noise::fill_random(octets);
    keys.emplace_back(octets);
    states.push_back(noise::mac1_state(keys.back()));
  }
  for (const std::size_t size : {noise::initiation_octets, noise::response_octets}) {
    for (std::size_t count = 0; count <= states.size(); ++count) {
      std::vector<const noise::MacState*> some;
      for (std::size_t i = 0; i < count; ++i) some.push_back(&states[i]);
      for (std::size_t i = 0; i < keys.size(); ++i) {
        std::vector<std::uint8_t> message(size, 0x33);
        message[0] = size == noise::initiation_octets ? 1 : 2;
        message[1] = message[2] = message[3] = 0;
        noise::MacWriter().write(keys[i], {}, message);
        const auto parsed = noise::parse_message(message);
        REQUIRE(parsed);
        const auto* const initiation = std::get_if<noise::Initiation>(&*parsed);
        const noise::Macs& macs =
            initiation != nullptr ? initiation->macs : std::get<noise::Response>(*parsed).macs;
        const auto found = noise::find_receiver(some, macs);
        CHECK(found == (i < count ? std::optional(i) : std::nullopt));
        message[20] ^= 1U;
        CHECK_FALSE(noise::find_receiver(some, macs));
      }
    }
  }
}

}  // namespace
