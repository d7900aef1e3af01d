#include "dnsd/state/saver.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/dnsd/registry/registry_fixture.hpp"

namespace {

using dnsd::Publisher;
using dnsd::Saver;
using dnsd::StateStore;
using namespace registry_test;

// A daemon's state in a folder of its own, with two sources.
class State {
 public:
  asio::io_context io;
  dnsd::PeerTable table;
  dnsd::LiveState live;
  Registry registry{table};
  const SourceId interface = registry.source_id("interface:wg0");
  const SourceId point = registry.source_id("point:203.0.113.10:51820");
  std::shared_ptr<Publisher> publisher =
      std::make_shared<Publisher>(io, registry, table, live, [this] {
        if (saver) saver->save_soon();
      });
  std::unique_ptr<StateStore> store;
  std::shared_ptr<Saver> saver;

  State() {
    std::string name = (std::filesystem::temp_directory_path() / "wg-dnsd-saver-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    store = std::make_unique<StateStore>(folder_);
    saver = std::make_shared<Saver>(io, registry, *publisher, *store);
    saver->start(at(0).wall);
    registry.begin_configuration({seconds(180), seconds(86400), false},
                                 std::vector{interface, point});
    registry.end_configuration();
    for (const SourceId source : {interface, point}) saver->add_source(source);
  }
  ~State() {
    saver.reset();
    store.reset();
    std::filesystem::remove_all(folder_);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // \return the time at which it was seen.
  base::Now see(SourceId source, const wg::PublicKey& key) {
    const base::Now now = base::read_clock();
    registry.list(source, key, {});
    registry.observe(source, key, {endpoint("203.0.113.1:1"), now.wall, now.wall, now.steady}, now);
    publisher->publish(now.steady, Publisher::Voice::quiet);
    return now;
  }
  // Runs the control thread until the first write has ended, well or badly. is_durable() says so
  // only because finish_loading(), which sets it before any write, is not called.
  void await_first_write() {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (!saver->is_durable()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      io.restart();
      io.run_one_for(std::chrono::milliseconds(100));
    }
  }
  // Ends the daemon as SIGKILL or SIGTERM does; the next run opens the folder.
  void end(bool cleanly) {
    if (cleanly) saver->stop();
    saver.reset();
    store.reset();
    store = std::make_unique<StateStore>(folder_);
  }
  std::size_t saved_peers(SourceId source) {
    std::size_t count = 0;
    store->load_peers(registry.saved_name(source), [&](const dnsd::SavedPeer&) { ++count; });
    return count;
  }

 private:
  std::string folder_;
};

// While this object lives, the process cannot write to any file.
class FullDisk {
 public:
  FullDisk() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    rlimit none = before_;
    none.rlim_cur = 0;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &none) == 0);
  }
  ~FullDisk() {
    (void)::setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("what was confirmed is written soon, and what is known of its source") {
  State state;
  const auto start = std::chrono::steady_clock::now();
  state.registry.set_own_key(state.interface, bob);
  state.see(state.interface, alice);
  state.see(state.point, alice);
  state.saver->add_mark(state.point, alice, noise::Tai64n(at(7).wall));
  state.saver->set_last_timestamp(state.point, noise::Tai64n(at(8).wall));
  state.await_first_write();
  // After half a second, and more on a busy machine; a retry would come after ten seconds.
  CHECK(std::chrono::steady_clock::now() - start < seconds(9));
  state.end(false);
  CHECK(state.saved_peers(state.interface) == 1);
  CHECK(state.saved_peers(state.point) == 1);
  const auto sources = state.store->load_sources();
  REQUIRE(sources.size() == 2);
  CHECK(sources[0].own_key == bob);
  CHECK(sources[1].last_timestamp == noise::Tai64n(at(8).wall));
  const auto marks = state.store->load_marks(sources[1].name);
  REQUIRE(marks.size() == 1);
  CHECK(marks[0].timestamp == noise::Tai64n(at(7).wall));
}

TEST_CASE("a write that failed loses nothing: the next one has all of it, and what is newer") {
  State state;
  state.see(state.interface, alice);
  state.saver->add_mark(state.point, alice, noise::Tai64n(at(1).wall));
  state.saver->add_mark(state.point, bob, noise::Tai64n(at(2).wall));
  {
    const FullDisk full;
    state.await_first_write();
  }
  REQUIRE(state.saved_peers(state.interface) == 0);
  state.saver->add_mark(state.point, bob, noise::Tai64n(at(3).wall));
  state.end(true);
  CHECK(state.store->load_sources().size() == 2);
  CHECK(state.saved_peers(state.interface) == 1);
  const auto marks = state.store->load_marks(state.registry.saved_name(state.point));
  REQUIRE(marks.size() == 2);
  for (const auto& mark : marks)
    CHECK(mark.timestamp == noise::Tai64n(at(mark.key == alice ? 1 : 3).wall));
}

TEST_CASE("a write that failed while a source came or went") {
  State state;
  state.see(state.interface, alice);
  state.see(state.point, alice);
  state.saver->forget_source(state.point);
  {
    const FullDisk full;
    state.await_first_write();
  }
  REQUIRE(state.saved_peers(state.interface) == 0);
  state.saver->forget_source(state.interface);
  state.saver->add_source(state.point);  // a reload brought it back
  state.registry.mark_unsaved({state.point, alice});
  state.end(true);
  CHECK(state.saved_peers(state.interface) == 0);
  CHECK(state.saved_peers(state.point) == 1);
  REQUIRE(state.store->load_sources().size() == 1);
}

TEST_CASE("the serial is reserved before the first answer, and given back at a clean stop") {
  for (const bool cleanly : {true, false}) {
    CAPTURE(cleanly);
    State state;
    const std::uint32_t serial = state.publisher->serial().current();
    state.end(cleanly);
    CHECK(*state.store->load_serial_end() - serial == (cleanly ? 1 : dnsd::Serial::block));
  }
}

TEST_CASE("every renewed sighting is on disk after a stop") {
  State state;
  const base::Now seen = state.see(state.interface, alice);
  state.await_first_write();
  const base::WallTime renewed = seen.wall + seconds(7);
  state.registry.observe(state.interface, alice,
                         {endpoint("203.0.113.1:1"), seen.wall, renewed, seen.steady}, seen);
  CHECK_FALSE(state.registry.has_unsaved());
  state.end(true);
  CHECK(state.saved_peers(state.interface) == 1);
  state.store->load_peers("interface:wg0", [&](const dnsd::SavedPeer& peer) {
    CHECK(peer.sighting->last_seen == renewed);
  });
}
