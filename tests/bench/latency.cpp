// Asks one DNS question at a time, at a pace, and tells how long the answers took:
//   bench_latency ADDRESS PORT COUNT PER-SECOND PEERS
// Prints one line of JSON, in microseconds. The questions are those of the mix `srv`.
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/endpoint.hpp"
#include "base/file_descriptor.hpp"
#include "tests/bench/scene.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int patience_milliseconds = 500;

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "bench_latency: {}\n", message);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

/// Whether the answer to `id` came.
bool wait_for(int socket, std::uint16_t id, Clock::time_point end) {
  std::array<std::uint8_t, 2048> reply{};
  pollfd wait{socket, POLLIN, 0};
  while (Clock::now() < end && ::poll(&wait, 1, patience_milliseconds) > 0) {
    const ssize_t size = ::recv(socket, reply.data(), reply.size(), MSG_DONTWAIT);
    if (size >= 12 && ((reply[0] << 8U) | reply[1]) == id) return true;
  }
  return false;
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> all(words + 1, words + count);
  if (all.size() != 5) fail("usage: bench_latency ADDRESS PORT COUNT PER-SECOND PEERS");
  const auto server = base::Endpoint::parse(all[0] + ":" + all[1]);
  if (!server) fail("not an address and a port");
  const std::size_t questions = std::stoul(all[2]);
  const auto pause = std::chrono::nanoseconds(1'000'000'000 / std::stol(all[3]));
  const base::FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage remote{};
  const socklen_t size = server->to_sockaddr(remote);
  const void* const raw = &remote;
  if (::connect(socket.get(), static_cast<const sockaddr*>(raw), size) != 0) fail("no socket");
  // What the server takes is measured, not what this waits for a core.
  const sched_param priority{.sched_priority = 1};
  (void)sched_setscheduler(0, SCHED_FIFO, &priority);

  bench::Questions made(bench::Mix::srv, std::stoull(all[4]), 1);
  std::vector<double> taken;
  std::size_t lost = 0;
  Clock::time_point due = Clock::now();
  for (std::size_t i = 0; i < questions; ++i) {
    std::array<std::uint8_t, bench::Questions::room> query{};
    bench::Expected expected;
    const auto id = static_cast<std::uint16_t>(i);
    const std::size_t octets = made.write(id, query, expected);
    std::this_thread::sleep_until(due += pause);
    const Clock::time_point asked = Clock::now();
    if (::send(socket.get(), query.data(), octets, 0) >= 0 &&
        wait_for(socket.get(), id, asked + std::chrono::milliseconds(patience_milliseconds)))
      taken.push_back(std::chrono::duration<double, std::micro>(Clock::now() - asked).count());
    else
      ++lost;
  }
  if (taken.empty()) fail("no answer came");
  std::sort(taken.begin(), taken.end());
  fmt::print("{{\"p50\": {:.1f}, \"p99\": {:.1f}, \"lost\": {}}}\n", taken[taken.size() / 2],
             taken[taken.size() * 99 / 100], lost);
  return 0;
}
