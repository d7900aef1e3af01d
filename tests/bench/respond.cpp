// Answers in one process: nanoseconds of CPU per answer, alone or on several pinned threads, with
// or without a thread that rewrites endpoints meanwhile. Under callgrind: instructions.
#include <pthread.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/consistency.hpp"
#include "tests/bench/served_table.hpp"

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
  bool check_whole = false;
};

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Pins the calling thread to a core of its own, if there is one.
void pin(unsigned thread) {
  if (thread >= std::thread::hardware_concurrency()) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(thread, &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

/// A ring of questions that were made before, so that only answers are measured.
class Queries {
 public:
  Queries(const Options& options, const bench::ServedTable& server, std::uint64_t seed) {
    bench::Questions questions(*bench::parse_mix(options.mix), options.peers, seed);
    std::vector<std::uint8_t> cookie(questions.client_cookie().begin(),
                                     questions.client_cookie().end());
    const auto ours = server.cookies().make(cookie, client, base::read_clock().wall);
    cookie.insert(cookie.end(), ours.begin(), ours.end());
    questions.set_cookie(cookie);
    queries_.resize(options.questions);
    for (auto& [octets, size, expected] : queries_) size = questions.write(1, octets, expected);
  }

  /// \return the number of wrong answers.
  std::uint64_t answer(const dnsd::Responder& responder, std::uint64_t answers) {
    const dnsd::Listener listener{dnsd::View::public_view, dns::Transport::udp};
    std::vector<std::uint8_t> reply(1232);
    std::uint64_t wrong = 0;
    base::Now now{};
    std::optional<dnsd::Responder::Snapshot> served;
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
  bench::ServedTable server(options.peers);
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<bool> done{false};
  std::vector<double> seconds(options.threads);
  std::vector<std::thread> threads;
  std::atomic<unsigned> ready{0};
  for (unsigned t = 0; t < options.threads; ++t) {
    threads.emplace_back([&, t] {
      pin(t);
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
    // Without a core of its own the writer takes turns with the answer threads. Their clocks stop
    // then, so that they show only the writer's effect on the caches.
    writer = std::thread([&] {
      pin(options.threads);
      const auto pause = std::chrono::nanoseconds(1000000000U * batch / options.changes_per_second);
      bench::Draw draw(99);
      while (!done) {
        for (std::size_t i = 0; i < batch; ++i)
          server.set(draw.below(options.peers), {bench::endpoint(draw.below(1U << 24U)), {}});
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

int check(const Options& options) {
  const bench::Consistency seen = bench::check_consistency(options.threads, options.answers);
  std::printf("{\"answers\": %llu, \"mixed\": %llu, \"changes\": %llu}\n",
              static_cast<unsigned long long>(seen.answers),
              static_cast<unsigned long long>(seen.mixed),
              static_cast<unsigned long long>(seen.changes));
  return seen.mixed == 0 ? 0 : 1;
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
  app.add_flag("--check-whole", options.check_whole,
               "no times: each answer is checked while endpoints change at full speed");
  CLI11_PARSE(app, count, words);
  return options.check_whole ? check(options) : run(options);
}
