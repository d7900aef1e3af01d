// The cost of a built-in observation point on one core: handshakes answered, keepalives answered,
// forged initiations rejected, memory of peers and sessions. The initiators run in the same
// process; only the engine's own work is timed.
#include <fmt/format.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file_descriptor.hpp"
#include "dnsd/point/point_socket.hpp"
#include "noise/engine.hpp"

namespace {

using Octets = std::vector<std::uint8_t>;

/// Processor time of this thread: other work on this machine does not count.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  [[maybe_unused]] static constexpr bool is_steady = true;
  static time_point now() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }
};

class Recorder : public noise::Engine::Handler {
 public:
  void send(const noise::Path& /*path*/, base::Bytes datagram) override {
    sent.assign(datagram.begin(), datagram.end());
    ++count;
  }
  void received(const wg::PublicKey& /*peer*/, const noise::Received& /*received*/) override {}
  void inner(const wg::PublicKey& /*peer*/, base::Bytes /*packet*/) override {}
  void unknown_session(const noise::Path& /*path*/) override {}
  void clock_behind(const wg::PublicKey& /*peer*/, std::chrono::seconds /*by*/) override {}
  Octets sent;
  std::size_t count = 0;
};

struct Peer {
  std::unique_ptr<Recorder> out = std::make_unique<Recorder>();
  std::unique_ptr<noise::Engine> engine = std::make_unique<noise::Engine>(
      noise::KeyPair::draw(), *out, noise::Engine::Options{.answers_keepalives = false});
};

base::Now time_at(std::chrono::milliseconds offset) {
  return {base::SteadyTime{} + std::chrono::hours(24) + offset,
          base::WallTime{std::chrono::seconds(1'800'000'000)} +
              std::chrono::duration_cast<std::chrono::seconds>(offset)};
}

noise::Path path_of(std::size_t i) {
  const auto n = static_cast<std::uint32_t>(i);
  const std::array<std::uint8_t, 4> octets = {198, static_cast<std::uint8_t>(n >> 16U),
                                              static_cast<std::uint8_t>(n >> 8U),
                                              static_cast<std::uint8_t>(n)};
  return {{base::IpAddress(octets), base::Port{51820}}, {}};
}

/// Microseconds of processor per call.
double cost(std::size_t rounds, const std::function<void(std::size_t)>& call) {
  const auto start = Clock::now();
  for (std::size_t i = 0; i < rounds; ++i) call(i);
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() /
         static_cast<double>(rounds);
}

/// The cost of the calls that one answered initiation needs, each with its count. Keep it in step
/// with handshake.cpp.
double sum_of_calls() {
  noise::SharedKey key;
  noise::fill_random(key.span());
  const Octets data(116, 7);
  const noise::KeyPair own = noise::KeyPair::draw();
  const noise::KeyPair other = noise::KeyPair::draw();
  Octets sealed(48);
  noise::seal(key, std::uint64_t{0}, base::Bytes(data).first(32), data, sealed);
  Octets opened(32);
  Octets tag(16);
  struct Call {
    const char* name;
    int count;
    double microseconds;
  };
  const Call calls[] = {
      {"X25519, key pair drawn", 1, cost(2000, [](auto) { (void)noise::KeyPair::draw(); })},
      {"X25519, agreement", 3, cost(3000, [&](auto) { (void)own.agree(other.public_key()); })},
      {"BLAKE2s, keyed (macs)", 2,
       cost(20000, [&](auto) { (void)noise::KeyedBlake2s(key.bytes())(data); })},
      // static key, ephemeral and sealed parts of both messages, psk, label of mac1
      {"BLAKE2s", 7,
       cost(20000, [&](auto) { (void)noise::hash(key.bytes(), base::Bytes(data).first(32)); })},
      {"Kdf1", 4, cost(20000, [&](auto) { (void)noise::kdf<1>(key, key.bytes()); })},
      {"Kdf2", 3, cost(20000, [&](auto) { (void)noise::kdf<2>(key, key.bytes()); })},
      {"Kdf3", 1, cost(20000, [&](auto) { (void)noise::kdf<3>(key, key.bytes()); })},
      {"ChaCha20-Poly1305, open", 2,
       cost(20000, [&](auto) { (void)noise::open(key, std::uint64_t{0}, sealed, data, opened); })},
      {"ChaCha20-Poly1305, seal", 1,
       cost(20000, [&](auto) { noise::seal(key, std::uint64_t{0}, {}, data, tag); })},
  };
  double sum = 0;
  for (const Call& call : calls) {
    fmt::print("    {:<26} {} × {:7.2f} µs\n", call.name, call.count, call.microseconds);
    sum += call.count * call.microseconds;
  }
  return sum;
}

/// A UDP socket on loopback, and one that is connected to it.
class Loopback {
 public:
  explicit Loopback(int to) : from_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    void* raw = &address;
    if (::getsockname(to, static_cast<sockaddr*>(raw), &size) != 0 ||
        ::connect(from_.get(), static_cast<sockaddr*>(raw), size) != 0)
      std::exit(1);
  }
  /// Sends one batch of this datagram.
  void send(Octets& datagram) {
    iovec part = {datagram.data(), datagram.size()};
    std::array<mmsghdr, dnsd::PointSocket::batch_size> headers{};
    for (mmsghdr& header : headers) {
      header.msg_hdr.msg_iov = &part;
      header.msg_hdr.msg_iovlen = 1;
    }
    const int sent = ::sendmmsg(from_.get(), headers.data(), headers.size(), 0);
    if (sent != static_cast<int>(headers.size())) std::exit(1);
  }

 private:
  base::FileDescriptor from_;
};

constexpr int receive_rounds = 4000;
constexpr double received_datagrams = receive_rounds * double{dnsd::PointSocket::batch_size};

dnsd::PointSocket open_socket() {
  auto socket = dnsd::PointSocket::open({*base::IpAddress::parse("127.0.0.1"), base::Port{0}});
  if (!socket) std::exit(1);
  return std::move(*socket);
}

/// Microseconds to receive one such datagram from the kernel, as the cheapest server that replies
/// can: a batch per call, with both addresses. This is half of floor.cpp.
double bare_receive(Octets& datagram) {
  const dnsd::PointSocket socket = open_socket();
  Loopback loopback(socket.fd());
  struct alignas(cmsghdr) Control {
    std::array<unsigned char, CMSG_SPACE(sizeof(in_pktinfo))> octets;
  };
  constexpr std::size_t batch = dnsd::PointSocket::batch_size;
  std::vector<std::array<std::uint8_t, 2048>> buffers(batch);
  std::vector<sockaddr_in> sources(batch);
  std::vector<Control> controls(batch);
  std::vector<iovec> parts(batch);
  std::vector<mmsghdr> headers(batch);
  double total = 0;
  for (int round = 0; round < receive_rounds; ++round) {
    loopback.send(datagram);
    const auto start = Clock::now();
    for (std::size_t i = 0; i < batch; ++i) {
      parts[i] = {buffers[i].data(), buffers[i].size()};
      headers[i].msg_hdr = {&sources[i],  sizeof sources[i],  &parts[i], 1,
                            &controls[i], sizeof controls[i], 0};
    }
    if (::recvmmsg(socket.fd(), headers.data(), batch, 0, nullptr) != static_cast<int>(batch))
      std::exit(1);
    total += std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  }
  return total / received_datagrams;
}

/// Microseconds to receive and reject the datagram, as a point does.
double receive_and_reject(noise::Engine& engine, Octets& datagram, base::Now now) {
  dnsd::PointSocket socket = open_socket();
  Loopback loopback(socket.fd());
  double total = 0;
  const std::uint64_t before = engine.counters().wrong_mac1;
  for (int round = 0; round < receive_rounds; ++round) {
    loopback.send(datagram);
    const auto start = Clock::now();
    for (const dnsd::PointSocket::Arrival& arrival : socket.receive())
      engine.receive(arrival.octets, *arrival.path, now);
    total += std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  }
  if (static_cast<double>(engine.counters().wrong_mac1 - before) != received_datagrams)
    std::exit(1);
  return total / received_datagrams;
}

/// The octets in use, as the allocator counts them.
std::size_t allocated() {
  return ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
}

/// Live peers have three sessions: previous, current and next.
void measure_memory(std::size_t idle, std::size_t live) {
  if (idle == 0 || live == 0) {
    fmt::print(stderr, "{} idle and {} live peers: there has to be one of each\n", idle, live);
    std::exit(2);
  }
  Recorder server_out;
  noise::Engine server(noise::KeyPair::draw(), server_out, {});
  std::size_t before = allocated();
  for (std::size_t i = 0; i < idle; ++i) {
    base::Octets32 octets{};
    noise::fill_random(octets);
    server.add_peer(wg::PublicKey(octets), {});
  }
  fmt::print("  {} idle peers: {} octets each\n", idle, (allocated() - before) / idle);

  before = allocated();
  for (std::size_t i = 0; i < live; ++i) {
    const Peer peer;  // gone before the next one: the memory that remains is the server's
    server.add_peer(peer.engine->public_key(), {});
    peer.engine->add_peer(server.public_key(), {});
    for (int round = 0; round < 3; ++round) {
      const auto step = static_cast<std::int64_t>(3 * i) + round;
      const base::Now now = time_at(step * std::chrono::milliseconds(25));  // this pace is no load
      (void)peer.engine->initiate(server.public_key(), path_of(i), 1, now);
      server.receive(peer.out->sent, path_of(i), now);
      if (round == 2) continue;
      peer.engine->receive(server_out.sent, path_of(i), now);
      server.receive(peer.out->sent, path_of(i), now);
    }
  }
  if (server.counters().handshakes != 3 * live) {
    fmt::print(stderr, "{} handshakes, not {}\n", server.counters().handshakes, 3 * live);
    std::exit(1);
  }
  fmt::print("  {} live ones more, three sessions each: {} octets each, all told\n", live,
             (allocated() - before) / live);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t memory_peers = argc > 1 ? std::stoul(argv[1]) : 1'000'000;
  const std::size_t live_peers = argc > 2 ? std::stoul(argv[2]) : 100'000;
  constexpr std::size_t count = 3000;
  Recorder out;
  noise::Engine server(noise::KeyPair::draw(), out, {});
  std::vector<Peer> peers(count);
  for (Peer& peer : peers) {
    server.add_peer(peer.engine->public_key(), {});
    peer.engine->add_peer(server.public_key(), {});
  }
  const auto initiations = [&](std::chrono::seconds at) {
    std::vector<Octets> made;
    for (Peer& peer : peers) {
      (void)peer.engine->initiate(server.public_key(), path_of(0), 1, time_at(at));
      made.push_back(peer.out->sent);
    }
    return made;
  };
  // Initiations come more slowly than the limit of load, on the engine's clock: no cookies are
  // asked for. The first round computes the values that are kept.
  const auto answer_all = [&](std::vector<Octets>& made, std::chrono::seconds at) {
    return cost(count, [&](std::size_t i) {
      server.receive(made[i], path_of(i), time_at(at + std::chrono::milliseconds(i)));
    });
  };
  std::vector<Octets> first = initiations(std::chrono::seconds(0));
  (void)answer_all(first, std::chrono::seconds(0));
  std::vector<Octets> second = initiations(std::chrono::seconds(10));
  out.count = 0;
  const double handshake = answer_all(second, std::chrono::seconds(10));
  if (out.count != count) {
    fmt::print(stderr, "{} of {} initiations were answered\n", out.count, count);
    return 1;
  }
  fmt::print("  calls of one answered initiation:\n");
  const double calls = sum_of_calls();
  fmt::print(
      "  answered initiation: {:.1f} µs, {:.0f} per second; the calls alone {:.1f} µs: {:.2f} of "
      "their rate\n",
      handshake, 1e6 / handshake, calls, calls / handshake);

  Octets forged = second[0];
  forged[20] ^= 1;
  const double rejected = cost(200'000, [&](auto) {
    server.receive(forged, path_of(0), time_at(std::chrono::seconds(60)));
  });
  const double bare = bare_receive(forged);
  const double both = receive_and_reject(server, forged, time_at(std::chrono::seconds(60)));
  fmt::print(
      "  wrong mac1: {:.2f} µs to reject; a bare receive of it {:.2f} µs: = {:.2f} of it; received "
      "and rejected {:.2f} µs: {:.2f} of it\n",
      rejected, bare, rejected / bare, both, both / bare);

  Recorder keepalive_out;
  noise::Engine engine(noise::KeyPair::draw(), keepalive_out, {});
  Peer peer;
  engine.add_peer(peer.engine->public_key(), {});
  peer.engine->add_peer(engine.public_key(), {});
  const base::Now now = time_at(std::chrono::seconds(1));
  (void)peer.engine->initiate(engine.public_key(), path_of(0), 1, now);
  engine.receive(peer.out->sent, path_of(0), now);
  peer.engine->receive(keepalive_out.sent, path_of(0), now);
  engine.receive(peer.out->sent, path_of(0), now);
  std::vector<Octets> keepalives;
  for (int i = 0; i < 100'000; ++i) {
    (void)peer.engine->send(engine.public_key(), {}, now);
    keepalives.push_back(peer.out->sent);
  }
  const double keepalive = cost(
      keepalives.size(), [&](std::size_t i) { engine.receive(keepalives[i], path_of(0), now); });
  fmt::print("  keepalive received and answered: {:.2f} µs, {:.0f} per second\n", keepalive,
             1e6 / keepalive);
  measure_memory(memory_peers - std::min(live_peers, memory_peers), live_peers);
}
