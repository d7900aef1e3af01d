// Many WireGuard peers of one host in one process, so that a scenario can have hundreds of them.
// Each is a noise::Engine with a UDP socket of its own and a keepalive:
//   wg_crowd KEYS FIRST-PORT HOST-KEY HOST-ENDPOINT KEEPALIVE-SECONDS
// KEYS: a file with one private key per line. The peer of line i (from 0) uses FIRST-PORT + i.
// Prints "all N have a session" when this is true for the first time, and runs until it is ended.
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/file_descriptor.hpp"
#include "noise/engine.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Interval of first handshakes. This is no load that makes the host ask for cookies.
constexpr milliseconds pace{5};
/// Interval of the timers. WireGuard's own timers are no finer.
constexpr milliseconds tick_interval{20};
constexpr int attempts = 20;

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "{}\n", message);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

struct Host {
  wg::PublicKey key;
  noise::Path path;
  seconds keepalive;
};

class Peer : public noise::Engine::Handler {
 public:
  Peer(const wg::PrivateKey& key, base::Port port, const Host& host)
      : host_(host),
        engine_(noise::KeyPair(key), *this, {.answers_keepalives = false}),
        socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(base::to_number(port));
    const void* const raw = &own;
    sockaddr_storage remote{};
    const socklen_t remote_size = host.path.remote.to_sockaddr(remote);
    const void* const raw_remote = &remote;
    if (::bind(socket_.get(), static_cast<const sockaddr*>(raw), sizeof own) != 0 ||
        ::connect(socket_.get(), static_cast<const sockaddr*>(raw_remote), remote_size) != 0)
      fail(fmt::format("port {}: not available", base::to_number(port)));
    engine_.add_peer(host.key, {});
  }

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool has_session() const { return has_session_; }

  void begin(base::Now now) {
    keepalive_due_ = now.steady + host_.keepalive;
    (void)engine_.initiate(host_.key, host_.path, attempts, now);
  }
  void read(base::Now now) {
    std::array<std::uint8_t, 2048> datagram{};
    for (;;) {
      const ssize_t size = ::recv(socket_.get(), datagram.data(), datagram.size(), 0);
      if (size < 0) return;
      engine_.receive(base::MutableBytes(datagram).first(static_cast<std::size_t>(size)),
                      host_.path, now);
    }
  }
  void tick(base::Now now) {
    engine_.tick(now);
    if (!keepalive_due_ || *keepalive_due_ > now.steady) return;
    keepalive_due_ = now.steady + host_.keepalive;
    if (!engine_.send(host_.key, {}, now)) begin(now);
  }

  void send(const noise::Path& /*path*/, base::Bytes datagram) override {
    (void)::send(socket_.get(), datagram.data(), datagram.size(), 0);
  }
  void received(const wg::PublicKey& /*peer*/, const noise::Received& /*received*/) override {
    has_session_ = true;
  }
  void inner(const wg::PublicKey& /*peer*/, base::Bytes /*packet*/) override {}
  void unknown_session(const noise::Path& /*path*/) override {}
  void clock_behind(const wg::PublicKey& /*peer*/, seconds /*by*/) override {}

 private:
  const Host& host_;
  noise::Engine engine_;
  base::FileDescriptor socket_;
  std::optional<base::SteadyTime> keepalive_due_;  // none: it has not begun
  bool has_session_ = false;
};

std::vector<std::unique_ptr<Peer>> read_peers(const std::string& path, unsigned first_port,
                                              const Host& host) {
  std::vector<std::unique_ptr<Peer>> peers;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto octets = base::parse_base64(line);
    if (!octets) fail(fmt::format("{}:{}: not a key", path, peers.size() + 1));
    const auto port = static_cast<std::uint16_t>(first_port + peers.size());
    peers.push_back(std::make_unique<Peer>(wg::PrivateKey(*octets), base::Port{port}, host));
  }
  if (peers.empty()) fail(path + ": no keys");
  return peers;
}

void run(std::vector<std::unique_ptr<Peer>>& peers) {
  std::vector<pollfd> waiting;
  waiting.reserve(peers.size());
  for (const auto& peer : peers) waiting.push_back({peer->fd(), POLLIN, 0});
  const base::SteadyTime started = base::read_clock().steady;
  std::size_t begun = 0;
  bool is_told = false;
  for (;;) {
    (void)::poll(waiting.data(), waiting.size(), static_cast<int>(tick_interval.count()));
    const base::Now now = base::read_clock();
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (waiting[i].revents != 0) peers[i]->read(now);
      peers[i]->tick(now);
    }
    for (; begun < peers.size() && started + pace * begun <= now.steady; ++begun)
      peers[begun]->begin(now);
    if (is_told) continue;
    is_told = true;
    for (const auto& peer : peers) is_told = is_told && peer->has_session();
    if (is_told) fmt::print("all {} have a session\n", peers.size());
    (void)std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() != 5) fail("wg_crowd KEYS FIRST-PORT HOST-KEY HOST-ENDPOINT KEEPALIVE-SECONDS");
  const auto key = wg::PublicKey::parse(words[2]);
  const auto endpoint = base::Endpoint::parse(words[3]);
  if (!key) fail(words[2] + " is not a key");
  if (!endpoint) fail(words[3] + " is not an endpoint");
  const Host host{*key, {*endpoint, {}}, seconds(std::stoi(words[4]))};
  auto peers = read_peers(words[0], static_cast<unsigned>(std::stoul(words[1])), host);
  run(peers);
}
