// No packet of a session costs an allocation. Counted in this whole program.

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <new>

#include "dnsd/point/relay/relay.hpp"
#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const made = std::malloc(size)) return made;
  throw std::bad_alloc();
}
void operator delete(void* made) noexcept {
  std::free(made);
}
void operator delete(void* made, std::size_t /*size*/) noexcept {
  std::free(made);
}

namespace {

using namespace relay_test;

TEST_CASE("what is passed on, and what is dropped on the way, allocates nothing") {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  net.connect(alice, bob);
  Octets data = net.data(alice, bob);
  Octets unknown = data;
  unknown[4] ^= 1U;
  Octets initiation = net.initiation(bob, alice);
  const noise::Path nowhere = path_of("203.0.113.99:1");
  std::array<Relay::Arrival, 1> arrivals{Relay::Arrival{.datagram = data, .path = &alice.place}};
  const auto now = net.clock.now.steady;
  std::array<int, 5> kinds{};
  const std::size_t before = allocations;
  for (int i = 0; i < 1'000; ++i) {
    const auto time = now + milliseconds(i);
    net.relay->look_ahead(arrivals);
    const auto count = [&](const Octets& datagram, const noise::Path& path) {
      base::MutableBytes octets(const_cast<std::uint8_t*>(datagram.data()), datagram.size());
      ++kinds.at(static_cast<std::size_t>(net.relay->receive(octets, path, time).kind));
    };
    count(data, alice.place);
    count(data, bob.place);
    count(data, nowhere);
    count(unknown, alice.place);
    count(unknown, nowhere);
    count(initiation, bob.place);  // again and again: the index is taken
  }
  CHECK(allocations == before);
  CHECK(kinds.at(static_cast<std::size_t>(Kind::forward)) >= 1'000);
  CHECK(kinds.at(static_cast<std::size_t>(Kind::not_relayed)) == 3'000);
  CHECK(kinds.at(static_cast<std::size_t>(Kind::drop)) > 900);
  CHECK(allocations > 0);
}

}  // namespace
