#include "dnsd/registry/publisher.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>

#include "schema/relay_text.hpp"
#include "tests/unit/dnsd/registry/registry_fixture.hpp"

namespace {

using dnsd::Publisher;
using dnsd::Serial;
using namespace registry_test;

// A publisher, the tables that it writes to, and a control thread.
class Served {
 public:
  asio::io_context io;
  dnsd::PeerTable table;
  dnsd::LiveState live;
  dnsd::Registry registry{table};
  int unsaved = 0;
  std::shared_ptr<Publisher> publisher =
      std::make_shared<Publisher>(io, registry, table, live, [this] { ++unsaved; });
  const dnsd::SourceId source = registry.source_id("interface:wg0");

  // \param stale_after the registry reports it in whole seconds.
  explicit Served(seconds stale_after = seconds(180)) {
    registry.begin_configuration({stale_after, seconds(86400), false}, std::vector{source});
    registry.end_configuration();
    // Not beyond what is reserved: Unix time is 0, and the clock would allow it in 5000 s.
    publisher->start_serial(Serial(5000, {base::read_steady(), base::WallTime{}}));
  }
  void see(const std::string& place, std::chrono::milliseconds ago = {}) {
    const base::Now now = base::read_clock();
    registry.list(source, alice, {});
    registry.observe(source, alice, {endpoint(place), now.wall, now.wall, now.steady - ago}, now);
    publisher->publish(now.steady, Publisher::Voice::quiet);
  }
  // Runs the control thread until the condition holds. \return false: it never did.
  bool until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      run(std::chrono::milliseconds(100));
    }
    return true;
  }
  void run(std::chrono::milliseconds time) {
    io.restart();
    io.run_for(time);
  }
  [[nodiscard]] std::size_t listed() const { return live.list(dnsd::View::public_view)->size(); }
};

}  // namespace

TEST_CASE(
    "what the registry was told is in the table at once; lists and serial follow in one step") {
  Served served;
  served.publisher->set_reserved(6000);
  served.see("203.0.113.1:1");
  CHECK(served.table.find(alice)->ipv4 == endpoint("203.0.113.1:1"));
  CHECK(served.unsaved == 1);
  CHECK(served.listed() == 0);
  REQUIRE(served.until([&] { return served.live.serial() == 5000; }));
  CHECK(served.listed() == 1);
  CHECK(served.unsaved == 2);

  served.publisher->publish(base::read_clock().steady, Publisher::Voice::quiet);
  served.run(std::chrono::milliseconds(150));
  CHECK(served.live.serial() == 5000);  // nothing was reported
}

TEST_CASE(
    "a serial that waits for its reservation steps when it has it, and the table never waits") {
  Served served;
  served.see("203.0.113.1:1");
  REQUIRE(served.until([&] { return served.live.serial() == 4999; }));
  CHECK(served.listed() == 1);
  served.see("203.0.113.2:2");
  CHECK(served.table.find(alice)->ipv4 == endpoint("203.0.113.2:2"));
  served.run(std::chrono::milliseconds(150));
  CHECK(served.live.serial() == 4999);
  served.publisher->set_reserved(6000);
  CHECK(served.until([&] { return served.live.serial() == 5000; }));
}

TEST_CASE("the points that relay are published in their order, and a change steps the serial") {
  Served served;
  served.publisher->set_reserved(6000);
  served.run(std::chrono::milliseconds(150));
  const std::uint32_t before = served.live.serial();
  served.publisher->set_relays({});
  served.run(std::chrono::milliseconds(150));
  CHECK(served.live.relays() == nullptr);
  CHECK(served.live.serial() == before);
  served.publisher->set_relays({bob, alice});
  REQUIRE(served.live.relays() != nullptr);
  CHECK(*served.live.relays() == schema::write_relay_strings(std::vector{bob, alice}));
  REQUIRE(served.until([&] { return served.live.serial() != before; }));
  served.run(std::chrono::milliseconds(150));
  const std::uint32_t after = served.live.serial();
  served.publisher->set_relays({bob, alice});
  served.run(std::chrono::milliseconds(150));
  CHECK(served.live.serial() == after);
  served.publisher->set_relays(std::vector(20, alice));
  CHECK(*served.live.relays() ==
        schema::write_relay_strings(std::vector(schema::max_relays, alice)));
  served.publisher->set_relays({});
  CHECK(served.live.relays() == nullptr);
  CHECK(served.until([&] { return served.live.serial() > after; }));
}

TEST_CASE("a peer becomes stale by itself when its time has come") {
  Served served(seconds(1));
  served.publisher->set_reserved(6000);
  served.see("203.0.113.1:1", std::chrono::milliseconds(900));
  CHECK_FALSE(served.table.find(alice)->stale.has_value());
  CHECK(served.until([&] { return served.table.find(alice)->stale.has_value(); }));
}

TEST_CASE("what is loaded is published in chunks") {
  Served served;
  dnsd::ChunkedLoad load(*served.publisher, base::read_clock().steady, Publisher::Voice::quiet);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    CHECK(served.table.size() == (i < 4096 ? 0 : 4096));
    served.registry.configure(configured(key_of(i), ""));
    (void)load.add();  // true once per second, and this may be a slow machine
  }
  CHECK(load.count() == 5000);
}

TEST_CASE("nothing happens by itself after a stop, or to a publisher that is gone") {
  for (const bool stopped : {true, false}) {
    CAPTURE(stopped);
    Served served;
    served.publisher->set_reserved(6000);
    served.see("203.0.113.1:1");  // a step is due
    if (stopped) {
      served.publisher->stop();
      served.publisher->content_changed();
    } else {
      served.publisher.reset();
    }
    served.run(std::chrono::milliseconds(150));
    if (stopped) {
      served.publisher->content_changed();  // the step that was due is forgotten
      served.run(std::chrono::milliseconds(150));
    }
    CHECK(served.live.serial() == 1);
    CHECK(served.listed() == 0);
  }
}
