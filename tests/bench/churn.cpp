// A server that answers while its endpoints are rewritten: the answer threads and the table of
// wg-dnsd, with a writer beside them. Prints one line of JSON at the end.
#include <arpa/inet.h>
#include <poll.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <thread>

#include "dnsd/listen/listen_socket.hpp"
#include "dnsd/serve/answer_threads.hpp"
#include "tests/bench/served_table.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double cpu_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

class Server {
 public:
  Server(std::uint64_t peers, const base::Endpoint& place)
      : table_(peers), threads_(table_.responder(), 1) {
    auto sockets = dnsd::open_listen_sockets({.endpoint = place}, 1, dnsd::Sharing::exclusive);
    if (!sockets) throw std::runtime_error("the port is taken");
    threads_.add(*std::move(sockets), {.view = dnsd::View::public_view});
  }

  void change(std::uint64_t peer, std::uint64_t endpoint) {
    table_.set(peer, {bench::endpoint(endpoint), {}});
  }

 private:
  bench::ServedTable table_;
  dnsd::AnswerThreads threads_;
};

/// Changes a peer and asks until the answer shows the change. \return microseconds.
double time_until_served(Server& server, int socket, std::uint64_t round) {
  std::array<std::uint8_t, bench::Questions::room> query{};
  std::array<std::uint8_t, 2048> reply{};
  bench::Questions questions(bench::Mix::srv, 1, 1);  // peer 0
  bench::Expected expected;
  const std::size_t size = questions.write(1, query, expected);
  const base::Endpoint now = bench::endpoint(round);
  const auto start = Clock::now();
  server.change(0, round);
  for (;;) {
    (void)!send(socket, query.data(), size, 0);
    pollfd wait{socket, POLLIN, 0};
    if (poll(&wait, 1, 1000) != 1) continue;
    const ssize_t received = recv(socket, reply.data(), reply.size(), 0);
    // Question without OPT; then the SRV record: pointer, type, class, TTL, length, 4 octets, port.
    const std::size_t port_at = size - 11 + 16;
    if (received < static_cast<ssize_t>(port_at + 2)) continue;
    if (((reply[port_at] << 8U) | reply[port_at + 1]) == base::to_number(now.port)) break;
  }
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

}  // namespace

int main(int count, char** words) {
  std::uint64_t peers = 10000;
  std::uint64_t changes = 10000;
  std::uint16_t port = 5394;
  double seconds = 5;
  CLI::App app("A table that changes under load");
  app.add_option("--peers", peers);
  app.add_option("--changes", changes, "per second; 0: none");
  app.add_option("--port", port);
  app.add_option("--seconds", seconds);
  CLI11_PARSE(app, count, words);
  Server server(peers, {base::IpAddress(), base::Port{port}});

  const int asker = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* raw = &address;
  if (connect(asker, static_cast<const sockaddr*>(raw), sizeof address) != 0) return 1;
  std::vector<double> served;
  for (std::uint64_t round = 1; round <= 101; ++round)
    served.push_back(time_until_served(server, asker, round));
  std::nth_element(served.begin(), served.begin() + 50, served.end());
  std::printf("ready\n");
  std::fflush(stdout);

  constexpr std::size_t batch = 100;
  const double process_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  const double own_before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  bench::Draw draw(99);
  std::uint64_t changed = 0;
  const auto start = Clock::now();
  const auto end =
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (Clock::now() < end) {
    if (changes == 0) {
      std::this_thread::sleep_until(end);
      break;
    }
    for (std::size_t i = 0; i < batch; ++i)
      server.change(draw.below(peers), draw.below(std::uint64_t{1} << 24U));
    changed += batch;
    std::this_thread::sleep_until(start +
                                  std::chrono::nanoseconds(1000000000U * changed / changes));
  }
  const double own = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - own_before;
  const double answering = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - process_before - own;
  std::printf(
      "{\"changed\": %llu, \"us_per_change\": %.2f, \"answer_cpu_seconds\": %.6f, "
      "\"median_us_until_served\": %.0f}\n",
      static_cast<unsigned long long>(changed),
      changed == 0 ? 0.0 : own * 1e6 / static_cast<double>(changed), answering, served[50]);
  return 0;
}
