#include "updater/host/endpoint_watch.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;

const auto peer_key = key(0x50);
const auto hub_place = endpoint("198.51.100.1:51820");
const auto pulse_place = endpoint("203.0.113.10:51820");
const auto elsewhere = endpoint("203.0.113.10:40000");

/// A device with one peer, and what the watch tells of it.
struct World {
  World() {
    wg::DevicePeer peer;
    peer.public_key = peer_key;
    peer.endpoint = hub_place;
    device.peers = {peer};
  }

  void put(const base::Endpoint& place) {
    const std::lock_guard lock(mutex);
    device.peers.at(0).endpoint = place;
  }
  std::optional<wg::Device> read() {
    ++readings;
    const std::lock_guard lock(mutex);
    if (is_gone) return std::nullopt;
    return device;
  }
  /// Another reading began, and ended, after this call began.
  void await_readings() {
    const unsigned before = readings;
    REQUIRE(until([&] { return readings >= before + 3; }));
  }
  /// \return false: it did not happen in time.
  template <typename Happened>
  bool until(Happened happened) {
    const auto end = base::read_steady() + 10s;
    while (!happened()) {
      if (base::read_steady() > end) return false;
      context.run_one_for(1ms);
      context.restart();
    }
    return true;
  }

  std::mutex mutex;
  wg::Device device;
  bool is_gone = false;
  std::atomic<unsigned> readings = 0;
  std::vector<std::pair<wg::PublicKey, base::Endpoint>> told;
  asio::io_context context;
  updater::EndpointWatch watch{context, [this] { return read(); },
                               [this](const wg::PublicKey& peer, const base::Endpoint& place) {
                                 told.emplace_back(peer, place);
                               }};
};

using Told = std::vector<std::pair<wg::PublicKey, base::Endpoint>>;

}  // namespace

TEST_CASE("a place that is not expected is told once, until the peer was elsewhere") {
  World world;
  world.watch.follow({{peer_key, {hub_place, pulse_place}}});
  world.await_readings();
  world.put(pulse_place);
  world.await_readings();
  CHECK(world.told.empty());
  world.put(elsewhere);
  REQUIRE(world.until([&] { return !world.told.empty(); }));
  world.await_readings();
  CHECK(world.told == Told{{peer_key, elsewhere}});
  world.put(hub_place);
  world.await_readings();
  world.put(elsewhere);
  CHECK(world.until([&] { return world.told.size() == 2; }));
}

TEST_CASE("what is expected changes with the next call") {
  World world;
  world.watch.follow({{peer_key, {hub_place, hub_place}}});
  world.put(pulse_place);
  REQUIRE(world.until([&] { return world.told == Told{{peer_key, pulse_place}}; }));
  world.watch.follow({{peer_key, {pulse_place, pulse_place}}});
  world.put(hub_place);
  CHECK(world.until([&] {
    return world.told == Told{{peer_key, pulse_place}, {peer_key, hub_place}};
  }));
}

TEST_CASE("nothing is read while nothing is watched") {
  World world;
  CHECK(world.readings == 0);
  world.watch.follow({{peer_key, {hub_place, pulse_place}}});
  world.await_readings();
  world.watch.follow({});
  REQUIRE(world.until([&] {
    const unsigned before = world.readings;
    world.context.run_one_for(20ms);
    world.context.restart();
    return world.readings == before;
  }));
  world.put(elsewhere);
  world.context.run_one_for(20ms);
  CHECK(world.told.empty());
}

TEST_CASE("what was read before a write is not told, and after it again") {
  World world;
  world.watch.follow({{peer_key, {hub_place, pulse_place}}});
  world.put(elsewhere);
  // Its report waits in the context, which does not run.
  const unsigned before = world.readings;
  while (world.readings < before + 3) std::this_thread::yield();
  world.put(hub_place);
  world.watch.forget();
  world.await_readings();
  CHECK(world.told.empty());
  world.put(elsewhere);
  CHECK(world.until([&] { return world.told == Told{{peer_key, elsewhere}}; }));
}

TEST_CASE("a device that cannot be read, or lacks the peer, tells nothing and is tried again") {
  World world;
  {
    const std::lock_guard lock(world.mutex);
    world.is_gone = true;
  }
  world.watch.follow({{key(0x51), {hub_place, hub_place}}, {peer_key, {hub_place, hub_place}}});
  world.await_readings();
  CHECK(world.told.empty());
  {
    const std::lock_guard lock(world.mutex);
    world.is_gone = false;
  }
  world.put(elsewhere);
  CHECK(world.until([&] { return world.told == Told{{peer_key, elsewhere}}; }));
}

TEST_CASE("a watch that ends with a report under way tells nothing any more") {
  std::vector<int> told;
  asio::io_context context;
  wg::Device device;
  wg::DevicePeer peer;
  peer.public_key = peer_key;
  peer.endpoint = elsewhere;
  device.peers = {peer};
  std::atomic<unsigned> readings = 0;
  {
    updater::EndpointWatch watch(
        context,
        [&]() -> std::optional<wg::Device> {
          ++readings;
          return device;
        },
        [&](const wg::PublicKey&, const base::Endpoint&) { told.push_back(1); });
    watch.follow({{peer_key, {hub_place, hub_place}}});
    while (readings < 3) std::this_thread::yield();
  }
  context.run();
  CHECK(told.empty());
}
