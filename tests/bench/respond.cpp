// Answers in process: nanoseconds of CPU per answer, alone or on several pinned threads, with or
// without somebody who rewrites endpoints meanwhile. Under callgrind: instructions.
#include <pthread.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dns/zone_file.hpp"
#include "dnsd/responder.hpp"
#include "scene.hpp"

namespace {

constexpr std::size_t batch = 64;
const base::IpAddress client = *base::IpAddress::parse("127.0.0.1");

struct Options {
  std::uint64_t peers = 10000;
  std::uint64_t answers = 1000000;
  std::uint64_t questions = std::uint64_t{1} << 17U;
  std::string mix = "srv";
  unsigned threads = 1;
  std::uint64_t changes_per_second = 0;
};

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void pin(unsigned thread) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(thread % std::thread::hardware_concurrency(), &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

class Server {
 public:
  explicit Server(std::uint64_t peers)
      : policy_(dnsd::make_policy({}, nullptr)),
        zone_(make_zone(peers)),
        responder_(zone_, policy_) {}

  [[nodiscard]] const dnsd::Responder& responder() const { return responder_; }
  [[nodiscard]] const dnsd::CookieJar& cookies() const { return *policy_.get()->cookies; }

  void set_endpoint(std::uint64_t number, const base::Endpoint& endpoint) {
    dnsd::PeerRecord record;
    record.ipv4 = endpoint;
    record.detail = detail_;
    const dnsd::PeerChange change{bench::key(number), std::move(record)};
    table_.apply({&change, 1});
  }

 private:
  std::shared_ptr<const dnsd::Zone> make_zone(std::uint64_t peers) {
    for (std::uint64_t i = 0; i < peers; ++i) set_endpoint(i, bench::endpoint(i));
    live_.set_ready();
    auto records = dns::parse_zone_file(
        "@ SOA ns1 hostmaster 1 1200 300 1209600 1\n@ NS ns1\nns1 A 203.0.113.10\n", bench::zone(),
        dns::Ttl{300});
    auto zone = dnsd::Zone::make({.apex = bench::zone(), .public_parts = {}}, *std::move(records),
                                 {}, table_, live_);
    return std::make_shared<const dnsd::Zone>(*std::move(zone));
  }

  std::shared_ptr<const dnsd::PeerDetail> detail_ = std::make_shared<const dnsd::PeerDetail>();
  dnsd::PeerTable table_;
  dnsd::LiveState live_;
  dnsd::PublishedPolicy policy_;
  dnsd::PublishedZone zone_;
  dnsd::Responder responder_;
};

/// A circle of questions that was drawn before, so that only answers are measured.
class Queries {
 public:
  Queries(const Options& options, const Server& server, std::uint64_t seed) {
    bench::Questions questions(*bench::parse_mix(options.mix), options.peers, seed);
    std::vector<std::uint8_t> cookie(questions.client_cookie().begin(),
                                     questions.client_cookie().end());
    const auto ours = server.cookies().make(cookie, client, base::read_clock().wall);
    cookie.insert(cookie.end(), ours.begin(), ours.end());
    questions.set_cookie(cookie);
    queries_.resize(options.questions);
    for (auto& [octets, size, expected] : queries_) size = questions.write(1, octets, expected);
  }

  /// \return answers that are wrong.
  std::uint64_t answer(const dnsd::Responder& responder, std::uint64_t answers) {
    const dnsd::Listener listener{dnsd::View::public_view, dnsd::Transport::udp};
    std::vector<std::uint8_t> reply(1232);
    std::uint64_t wrong = 0;
    base::Now now{};
    std::optional<dnsd::Responder::Moment> served;
    for (std::uint64_t i = 0; i < answers; ++i) {
      if (i % batch == 0) {
        now = base::read_clock();
        served = responder.now();
      }
      const Query& query = queries_[i % queries_.size()];
      const std::size_t size = served->respond(base::Bytes(query.octets).first(query.size),
                                               listener, {client, now}, reply);
      const bool right = size > 12 &&
                         (reply[3] & 0x0fU) == static_cast<unsigned>(query.expected.rcode) &&
                         reply[7] == query.expected.answers;
      if (!right) ++wrong;
    }
    return wrong;
  }

 private:
  struct Query {
    std::array<std::uint8_t, bench::Questions::room> octets;
    std::size_t size;
    bench::Expected expected;
  };
  std::vector<Query> queries_;
};

int run(const Options& options) {
  Server server(options.peers);
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<bool> done{false};
  std::vector<double> seconds(options.threads);
  std::vector<std::thread> threads;
  std::atomic<unsigned> ready{0};
  for (unsigned t = 0; t < options.threads; ++t) {
    threads.emplace_back([&, t] {
      if (options.threads > 1) pin(t);
      Queries queries(options, server, t + 1);
      wrong += queries.answer(server.responder(), std::min<std::uint64_t>(options.answers, batch));
      ++ready;
      while (ready < options.threads) std::this_thread::yield();
      const double start = thread_seconds();
      wrong += queries.answer(server.responder(), options.answers);
      seconds[t] = thread_seconds() - start;
    });
  }
  std::thread writer;
  if (options.changes_per_second > 0) {
    writer = std::thread([&] {
      const auto pause = std::chrono::nanoseconds(1000000000U * batch / options.changes_per_second);
      bench::Draw draw(99);
      while (!done) {
        for (std::size_t i = 0; i < batch; ++i)
          server.set_endpoint(draw.below(options.peers), bench::endpoint(draw.below(1U << 24U)));
        std::this_thread::sleep_for(pause);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  if (writer.joinable()) writer.join();
  double rate = 0;  // answers per second of CPU, all threads together
  for (const double one : seconds) rate += static_cast<double>(options.answers) / one;
  std::printf(
      "{\"threads\": %u, \"ns_per_answer\": %.1f, \"answers_per_second\": %.0f, \"wrong\": %llu}\n",
      options.threads, 1e9 * options.threads / rate, rate,
      static_cast<unsigned long long>(wrong.load()));
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app("Nanoseconds per answer, in process");
  app.add_option("--peers", options.peers, "registered peers");
  app.add_option("--answers", options.answers, "per thread");
  app.add_option("--questions", options.questions, "different ones, drawn before")
      ->check(CLI::PositiveNumber);
  app.add_option("--mix", options.mix)->check(CLI::IsMember({"srv", "judged"}));
  app.add_option("--threads", options.threads, "each pinned to a core of its own");
  app.add_option("--changes", options.changes_per_second, "endpoints rewritten per second");
  CLI11_PARSE(app, count, words);
  return run(options);
}
