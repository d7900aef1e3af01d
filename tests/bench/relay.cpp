// The relay's core in one process: nanoseconds of CPU, allocations and octets of memory; under
// callgrind: instructions. Prints one line of JSON.
//   data        one datagram of a session drawn at random
//   joined      one run of 45 datagrams, as UDP_GRO joins them
//   handshake   an initiation and its response
//   stranger    data from a place where no peer is
#include <malloc.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "dnsd/point/relay/relay.hpp"
#include "noise/mac_checker.hpp"
#include "tests/bench/relay_scene.hpp"
#include "tests/bench/scene.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

// Counts what the measured code allocates. There is one thread.
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

using Kind = dnsd::Relay::Verdict::Kind;

constexpr std::size_t ring = 4096;  // datagrams that were made before
constexpr std::size_t joined = 45;
/// A turn of the point's thread reads the clock once, and at most a batch.
constexpr std::size_t batch = 64;
constexpr std::chrono::microseconds batch_time{300};
constexpr std::uint64_t rate_without_effect = 1'000'000'000'000;  // bit/s

struct Options {
  std::string what = "data";
  std::uint32_t peers = 1000;
  std::uint32_t ways = 1000;
  std::size_t octets = 1452;
  std::uint64_t count = 1'000'000;
};

/// A point without sessions.
class NoSessions : public dnsd::Relay::Sessions {
 public:
  [[nodiscard]] bool owns_index(noise::SessionIndex /*index*/) const override { return false; }
};

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::size_t allocated() {
  return ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options), ways_(bench::relayed_ways(options.peers, options.ways)) {
    std::size_t before = allocated();
    for (std::uint32_t i = 0; i < options.peers; ++i) {
      relay_.add_peer(bench::key(i));
      relay_.set_place(bench::key(i), path_of(i), now_);
    }
    octets_per_peer_ = (allocated() - before) / options.peers;
    before = allocated();
    for (const bench::RelayedWay& way : ways_) {
      relay_.restore({.from = bench::key(way.from),
                      .to = bench::key(way.to),
                      .index = way.index,
                      .expires = now_ + std::chrono::seconds(170)},
                     now_);
    }
    (void)relay_.take_changes();
    octets_per_pair_ = (allocated() - before) / (ways_.size() / 2);
  }

  int run() {
    std::uint64_t wrong = 0;
    if (options_.what == "data") wrong = run_data(1);
    if (options_.what == "joined") wrong = run_data(joined);
    if (options_.what == "stranger") wrong = run_strangers();
    if (options_.what == "handshake") wrong = run_handshakes();
    std::printf(
        "{\"ns\": %.1f, \"allocations\": %.6f, \"wrong\": %llu, \"octets_per_peer\": %zu, "
        "\"octets_per_pair\": %zu}\n",
        seconds_ * 1e9 / static_cast<double>(options_.count),
        static_cast<double>(allocated_) / static_cast<double>(options_.count),
        static_cast<unsigned long long>(wrong), octets_per_peer_, octets_per_pair_);
    return wrong == 0 ? 0U : 1U;
  }

 private:
  struct Datagram {
    std::vector<std::uint8_t> octets;
    std::uint32_t from = 0;
    std::uint32_t to = 0;
  };

  static noise::Path path_of(std::uint32_t peer) {
    return {bench::place_of_relayed(peer), bench::relay_address()};
  }

  /// Times the calls, and counts what they allocate.
  void measure(const std::function<void(std::uint64_t)>& call) {
    const std::size_t allocated_before = allocations;
    const double start = thread_seconds();
    for (std::uint64_t i = 0; i < options_.count; ++i) {
      if (i % batch == 0) now_ += batch_time;
      call(i);
    }
    seconds_ = thread_seconds() - start;
    allocated_ = allocations - allocated_before;
  }

  std::vector<Datagram> make_data(std::size_t datagrams) {
    bench::Draw draw(7);
    std::vector<Datagram> made(ring);
    for (Datagram& one : made) {
      const bench::RelayedWay& way = ways_[draw.below(ways_.size())];
      one = {std::vector<std::uint8_t>(options_.octets * datagrams), way.from, way.to};
      for (std::size_t i = 0; i < datagrams; ++i) {
        noise::write_data_header(
            way.index, i,
            base::MutableBytes(one.octets).subspan(i * options_.octets, noise::data_header_octets));
      }
    }
    return made;
  }

  [[nodiscard]] bool goes_to(const dnsd::Relay::Verdict& verdict, std::uint32_t peer) const {
    return verdict.kind == Kind::forward && verdict.path->remote == places_[peer];
  }

  std::uint64_t run_data(std::size_t datagrams) {
    std::vector<Datagram> made = make_data(datagrams);
    std::uint64_t wrong = 0;
    measure([&](std::uint64_t i) {
      Datagram& one = made[i % ring];
      const noise::Path path{places_[one.from], bench_address_};
      wrong += goes_to(relay_.receive(one.octets, path, now_, datagrams), one.to) ? 0U : 1U;
    });
    return wrong;
  }

  std::uint64_t run_strangers() {
    std::vector<Datagram> made = make_data(1);
    for (Datagram& one : made) one.octets[4] ^= 0x55;  // no known index either
    std::uint64_t wrong = 0;
    measure([&](std::uint64_t i) {
      Datagram& one = made[i % ring];
      base::Endpoint place = places_[one.from];
      place.port = base::Port{1};
      const auto verdict = relay_.receive(one.octets, {place, bench_address_}, now_);
      wrong += verdict.kind == Kind::not_relayed ? 0U : 1U;
    });
    return wrong;
  }

  /// Peers of even numbers begin, so that no two cross; one pair after the other.
  std::uint64_t run_handshakes() {
    std::vector<Datagram> made(2 * options_.count);
    for (std::size_t i = 0; i < options_.count; ++i) {
      const auto from = static_cast<std::uint32_t>(2 * i % options_.peers);
      const std::uint32_t to = from + 1;
      const auto number = static_cast<std::uint32_t>(1000 + 2 * i / options_.peers);
      Datagram& initiation = made[2 * i];
      initiation = {std::vector<std::uint8_t>(noise::initiation_octets), from, to};
      noise::write_initiation(bench::index_for(from, number), bench::key(i),
                              std::vector<std::uint8_t>(48), std::vector<std::uint8_t>(28),
                              initiation.octets);
      noise::MacWriter().write(bench::key(to), now_, initiation.octets);
      Datagram& response = made[2 * i + 1];
      response = {std::vector<std::uint8_t>(noise::response_octets), to, from};
      noise::write_response(bench::index_for(to, number), bench::index_for(from, number),
                            bench::key(i), std::vector<std::uint8_t>(16), response.octets);
      noise::MacWriter().write(bench::key(from), now_, response.octets);
    }
    std::uint64_t wrong = 0;
    measure([&](std::uint64_t i) {
      // So that each pair has one in three seconds; what the clock makes old is seen again.
      now_ += std::chrono::microseconds(6'000'000 / options_.peers);
      for (Datagram* one : {&made[2 * i], &made[2 * i + 1]}) {
        relay_.set_place(bench::key(one->from), path_of(one->from), now_);
        relay_.set_place(bench::key(one->to), path_of(one->to), now_);
        const auto verdict =
            relay_.receive(one->octets, {places_[one->from], bench_address_}, now_);
        wrong += goes_to(verdict, one->to) ? 0U : 1U;
      }
    });
    return wrong;
  }

  static std::vector<base::Endpoint> make_places(std::uint32_t peers) {
    std::vector<base::Endpoint> made;
    for (std::uint32_t i = 0; i < peers; ++i) made.push_back(bench::place_of_relayed(i));
    return made;
  }

  const Options options_;
  const std::vector<bench::RelayedWay> ways_;
  const base::IpAddress bench_address_ = bench::relay_address();
  const std::vector<base::Endpoint> places_ = make_places(options_.peers);
  base::SteadyTime now_ = base::SteadyTime{} + std::chrono::hours(24);
  NoSessions sessions_;
  dnsd::Relay relay_{bench::key(std::uint64_t{1} << 40U),
                     {.sender = rate_without_effect, .total = rate_without_effect},
                     sessions_};
  std::size_t octets_per_peer_ = 0;
  std::size_t octets_per_pair_ = 0;
  double seconds_ = 0;
  std::size_t allocated_ = 0;
};

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app("The core of the relay, in process");
  app.add_option("what", options.what)
      ->check(CLI::IsMember({"data", "joined", "handshake", "stranger"}));
  app.add_option("--peers", options.peers, "an even number");
  app.add_option("--ways", options.ways, "routes");
  app.add_option("--octets", options.octets, "of each datagram")->check(CLI::Range(32, 1452));
  app.add_option("--count", options.count, "of calls");
  CLI11_PARSE(app, count, words);
  return Bench(options).run();
}
