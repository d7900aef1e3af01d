// The serial, the saver and the store together on a disk on which each operation fails in turn, and
// on which the process ends at each operation: what was served once is never followed by less.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dnsd/state/saver.hpp"
#include "tests/unit/dnsd/state/faulty_disk.hpp"
#include "tests/unit/dnsd/state/state_fixture.hpp"
#include "tests/unit/log_text.hpp"

namespace {

using dnsd::FaultyDisk;
using dnsd::Folder;
using dnsd::is_after;
using dnsd::Saver;
using dnsd::Serial;
using dnsd::StateStore;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// More than a block is used, so that reservations are wanted twice after the start.
constexpr int changes = 1400;
constexpr int space_returns = 1150;  // with this change: the block of the start is used up by then
constexpr base::WallTime begin{seconds(1'000'000)};

/// What a process that ended at one moment leaves behind.
struct Crash {
  std::string folder;
  std::uint32_t served;
  base::WallTime when;
};

/// A daemon's control thread, with a clock of its own: ten changes per second.
class Run {
 public:
  explicit Run(const std::string& folder)
      : store_(std::make_unique<StateStore>(folder)),
        saver_(std::make_shared<Saver>(io_, registry_, *publisher_, *store_,
                                       Saver::Pace{milliseconds(0), milliseconds(0)})) {
    saver_->start({start_, begin});
    saver_->finish_loading();
    step();
  }
  ~Run() {
    saver_.reset();
    publisher_.reset();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void change(int number) {
    elapsed_ = milliseconds(100 * number);
    publisher_->content_changed();
    step();
    if (number % 50 == 0) let_it_save();
  }
  /// Until all is on disk, or it has failed twice.
  void let_it_save() {
    const auto limit = std::chrono::steady_clock::now() + seconds(20);
    const auto enough = saver_->attempts() + 2;
    while (saver_->attempts() < enough && wants_to_save()) {
      REQUIRE(std::chrono::steady_clock::now() < limit);
      saver_->save_soon();
      io_.restart();
      io_.run_one_for(milliseconds(10));
    }
    step();
  }
  void stop() { saver_->stop(); }

  [[nodiscard]] std::uint32_t served() const { return live_.serial(); }
  [[nodiscard]] base::WallTime wall() const {
    return begin + std::chrono::floor<seconds>(elapsed_.load());
  }
  [[nodiscard]] bool is_durable() const { return saver_->is_durable(); }
  [[nodiscard]] std::optional<std::uint32_t> on_disk() { return store_->load_serial_end(); }

 private:
  [[nodiscard]] bool wants_to_save() const {
    return !saver_->is_durable() || publisher_->serial().wanted_reservation();
  }
  void step() {
    const std::uint32_t before = live_.serial();
    publisher_->step(start_ + elapsed_.load());
    CHECK_FALSE(is_after(before, live_.serial()));
  }

  // Ahead of the real clock, so that no timer steps meanwhile.
  const base::SteadyTime start_ = base::read_steady() + seconds(3600);
  std::atomic<milliseconds> elapsed_{milliseconds(0)};
  asio::io_context io_;
  dnsd::PeerTable table_;
  dnsd::LiveState live_;
  dnsd::Registry registry_{table_};
  std::unique_ptr<StateStore> store_;
  std::shared_ptr<dnsd::Publisher> publisher_ =
      std::make_shared<dnsd::Publisher>(io_, registry_, table_, live_, [this] {
        if (saver_) saver_->save_soon();
      });
  std::shared_ptr<Saver> saver_;
};

/// A restart: what is served first. \param now may be a clock that was set back.
std::uint32_t begin_again(const std::string& folder, base::WallTime now) {
  StateStore store(folder);
  const Serial serial(store.load_serial_end(), {base::SteadyTime{}, now});
  return serial.current();
}

void check_crash(const Crash& crash) {
  CAPTURE(crash.folder);
  CAPTURE(crash.served);
  // A start opens the file and may change it: two copies.
  const std::string second = crash.folder + "-again";
  std::filesystem::copy(crash.folder, second);
  CHECK_FALSE(is_after(crash.served, begin_again(crash.folder, crash.when)));
  std::optional<std::uint32_t> reserved;
  {
    StateStore store(second);
    reserved = store.load_serial_end();
  }
  if (reserved) {
    CHECK(is_after(*reserved, crash.served));
    CHECK_FALSE(is_after(crash.served, begin_again(second, begin - seconds(86400))));
  } else {
    CHECK_FALSE(is_after(crash.served,
                         static_cast<std::uint32_t>(crash.when.time_since_epoch().count() + 1)));
  }
  std::filesystem::remove_all(crash.folder);
  std::filesystem::remove_all(second);
}

/// One run in which the operation `failing` fails; 0: none. \return how many operations there were.
int run_with_fault(int failing, bool only_once) {
  CAPTURE(failing);
  CAPTURE(only_once);
  const LogText log;
  const Folder folder;
  const std::string state = folder.path() + "/state";
  std::vector<Crash> crashes;
  std::atomic<bool> is_full = true;
  bool is_over = false;
  std::atomic<const Run*> running = nullptr;
  const auto end_here = [&](int number) {
    const std::string copy = folder.path() + "/crash-" + std::to_string(number);
    std::error_code ec;
    std::filesystem::copy(state, copy, ec);
    if (ec) return;
    const Run* const run = running;
    crashes.push_back(
        {copy, run != nullptr ? run->served() : 0, run != nullptr ? run->wall() : begin});
    if (run == nullptr)
      crashes.back().served = static_cast<std::uint32_t>(begin.time_since_epoch().count());
  };
  FaultyDisk disk([&](int number) {
    if (is_over) return false;
    const bool is_near = failing == 0 || (number >= failing && number <= failing + 2);
    if (is_near) end_here(number);
    return failing != 0 && is_full && (only_once ? number == failing : number >= failing);
  });
  {
    Run run(state);
    running = &run;
    for (int i = 1; i <= changes; ++i) {
      if (i == space_returns) {
        end_here(space_returns * 1000);
        is_full = false;
      }
      run.change(i);
    }
    run.let_it_save();
    CHECK(run.is_durable());
    CHECK(is_after(*run.on_disk(), run.served()));
    // It did not stand still once the disk was there again.
    CHECK(run.served() - static_cast<std::uint32_t>(begin.time_since_epoch().count()) >
          static_cast<std::uint32_t>(changes - space_returns));
    end_here(1'000'000);
    run.stop();
    end_here(1'000'001);
    running = nullptr;
  }
  const int operations = disk.operations();
  is_over = true;
  for (const Crash& crash : crashes) check_crash(crash);
  return operations;
}

}  // namespace

TEST_CASE("the serial never goes back: a crash at each operation of the disk") {
  CHECK(run_with_fault(0, true) > 20);
}

TEST_CASE(
    "the serial never goes back: each operation of the disk fails in turn, with a crash after it") {
  const int operations = run_with_fault(0, true);
  for (int failing = 1; failing <= operations; ++failing) {
    (void)run_with_fault(failing, true);
    (void)run_with_fault(failing, false);  // and all after it, until there is space again
  }
}
