#include "dnsd/state/saver.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/dnsd/registry/registry_fixture.hpp"
#include "tests/unit/dnsd/state/faulty_disk.hpp"
#include "tests/unit/log_text.hpp"

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

  explicit State(Saver::Pace pace = {},
                 const std::function<void(const std::string&)>& prepare = {}) {
    std::string name = (std::filesystem::temp_directory_path() / "wg-dnsd-saver-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name + "/state";
    if (prepare) prepare(folder_);
    store = std::make_unique<StateStore>(folder_);
    saver = std::make_shared<Saver>(io, registry, *publisher, *store, pace);
    saver->start(at(0));
    registry.begin_configuration({seconds(180), seconds(86400), false},
                                 std::vector{interface, point});
    registry.end_configuration();
    for (const SourceId source : {interface, point}) saver->add_source(source);
  }
  ~State() {
    saver.reset();
    store.reset();
    std::filesystem::remove_all(std::filesystem::path(folder_).parent_path());
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
  // Runs the control thread until one more write, or attempt to open the store, has ended.
  void await_attempt() {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    for (const auto before = saver->attempts(); saver->attempts() == before;) {
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
  [[nodiscard]] const std::string& folder() const { return folder_; }
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
  state.await_attempt();
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
    state.await_attempt();
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
    state.await_attempt();
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

TEST_CASE("names are on disk soon, again after a failed write, and in a file that is begun anew") {
  using Names = dnsd::PeerNames;
  State state({std::chrono::milliseconds(10), std::chrono::milliseconds(10)});
  const Names both{{alice, {"alice"}}, {bob, {"bob", true}}};
  state.saver->keep_names(both);
  state.await_attempt();
  const Names only_bob{{bob, {"robert", true}}};
  state.saver->keep_names(only_bob);
  {
    const FullDisk full;
    state.await_attempt();
  }
  state.await_attempt();
  std::filesystem::remove(state.folder() + "/state.db");
  state.see(state.interface, alice);
  state.await_attempt();  // finds that the file is gone
  state.await_attempt();
  state.end(false);
  CHECK(state.store->load_names() == only_bob);
}

TEST_CASE("the serial is reserved before the first answer, and given back at a clean stop") {
  for (const bool cleanly : {true, false}) {
    CAPTURE(cleanly);
    State state;
    const std::uint32_t serial = state.publisher->serial().current();
    state.end(cleanly);
    CHECK(*state.store->load_serial_end() - serial == (cleanly ? 1 : dnsd::Serial::block + 1));
  }
}

TEST_CASE("every renewed sighting is on disk after a stop") {
  State state;
  const base::Now seen = state.see(state.interface, alice);
  state.await_attempt();
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

TEST_CASE("a write that was under way at a stop and failed is in the last one") {
  std::atomic<bool> fails = false;
  const dnsd::FaultyDisk disk([&](int) { return fails.exchange(false); });
  State state({std::chrono::milliseconds(0), seconds(10)});
  state.await_attempt();
  state.see(state.interface, alice);
  state.saver->add_mark(state.point, bob, noise::Tai64n(at(7).wall));
  fails = true;
  while (state.registry.has_unsaved()) {  // until the disk's thread has all of it
    state.io.restart();
    state.io.run_one_for(std::chrono::milliseconds(100));
  }
  state.end(true);
  CHECK_FALSE(fails);
  CHECK(state.saved_peers(state.interface) == 1);
  CHECK(state.store->load_marks(state.registry.saved_name(state.point)).size() == 1);
}

TEST_CASE("a store that cannot be opened is tried again, and told once each way") {
  const LogText log;
  const Saver::Pace fast{std::chrono::milliseconds(0), std::chrono::milliseconds(0)};
  State state(fast, [](const std::string& folder) { std::ofstream(folder) << "a file"; });
  CHECK_FALSE(state.saver->is_durable());
  state.see(state.interface, alice);
  for (int i = 0; i < 3; ++i) state.await_attempt();
  CHECK_FALSE(state.saver->is_durable());
  CHECK(log.text().empty());                  // who opened the store first has logged it
  CHECK_FALSE(state.registry.has_unsaved());  // and no list grows meanwhile
  std::filesystem::remove(state.folder());
  state.await_attempt();
  CHECK(state.saver->is_durable());
  CHECK(log.count("endpoints and the serial are kept again") == 1);
  state.await_attempt();
  const std::uint32_t serial = state.publisher->serial().current();
  state.end(false);
  CHECK(state.saved_peers(state.interface) == 1);
  CHECK(state.store->load_sources().size() == 2);
  CHECK(dnsd::is_after(*state.store->load_serial_end(), serial));
}

TEST_CASE("a store that opens late gives what it knows of peers that were not seen meanwhile") {
  const Saver::Pace fast{std::chrono::milliseconds(0), std::chrono::milliseconds(0)};
  State before;
  before.see(before.interface, alice);
  before.see(before.interface, bob);
  before.await_attempt();
  before.end(true);
  const std::uint32_t end = *before.store->load_serial_end();
  before.store.reset();

  State state(fast, [](const std::string& folder) { std::ofstream(folder) << "a file"; });
  const base::Now now = base::read_clock();
  state.registry.list(state.interface, bob, {});
  state.registry.list(state.interface, alice, {});
  state.registry.observe(state.interface, alice,
                         {endpoint("203.0.113.7:7"), now.wall, now.wall, now.steady}, now);
  std::filesystem::remove(state.folder());
  std::filesystem::copy(before.folder(), state.folder());
  state.await_attempt();
  CHECK(state.table.find(alice)->ipv4 == endpoint("203.0.113.7:7"));
  CHECK(state.table.find(bob)->ipv4 == endpoint("203.0.113.1:1"));
  CHECK(state.table.find(bob)->stale.has_value());
  CHECK_FALSE(dnsd::is_after(end - 1, state.live.serial()));
  state.await_attempt();
  state.end(false);
  CHECK(state.saved_peers(state.interface) == 2);
}

TEST_CASE("a file that is removed while it is in use is begun anew, with all that is known") {
  const LogText log;
  State state({std::chrono::milliseconds(0), std::chrono::milliseconds(0)});
  state.see(state.interface, alice);
  state.await_attempt();
  std::filesystem::remove_all(state.folder());
  state.see(state.point, bob);
  state.await_attempt();
  CHECK(log.count("was removed or replaced while it was in use") == 1);
  state.await_attempt();
  CHECK(log.count("written to disk again") == 1);
  state.end(false);
  CHECK(state.store->problem().empty());
  CHECK(state.saved_peers(state.interface) == 1);
  CHECK(state.saved_peers(state.point) == 1);
  CHECK(dnsd::is_after(*state.store->load_serial_end(), state.publisher->serial().current()));
}
