// Handshakes over UDP, one after the other, at a pace that is no load for any responder:
//   bench_initiators PEERS PUBLIC-KEYS-FILE COUNT RESPONDER-KEY RESPONDER-ENDPOINT
// Writes the public keys of PEERS initiators to the file, prints "ready", waits for a line on its
// input, makes COUNT handshakes, and prints how many were answered, and their seconds.
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "noise/engine.hpp"

namespace {

constexpr int patience_milliseconds = 200;
/// wg-dnsd asks for cookies from 200 initiations in 100 ms on.
constexpr std::chrono::microseconds pace{700};

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "{}\n", message);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

/// Sends to the responder, and waits for its answers.
class Initiator : public noise::Engine::Handler {
 public:
  explicit Initiator(const base::FileDescriptor& socket) : socket_(socket) {}

  void send(const noise::Path& /*path*/, base::Bytes datagram) override {
    (void)::send(socket_.get(), datagram.data(), datagram.size(), 0);
  }
  void received(const wg::PublicKey& /*peer*/, const noise::Received& received) override {
    is_answered = is_answered || received.kind == noise::Received::Kind::response;
  }
  void inner(const wg::PublicKey& /*peer*/, base::Bytes /*packet*/) override {}
  void unknown_session(const noise::Path& /*path*/) override {}
  void clock_behind(const wg::PublicKey& /*peer*/, std::chrono::seconds /*by*/) override {}

  noise::Engine engine{noise::KeyPair::draw(), *this, {.answers_keepalives = false}};
  bool is_answered = false;

 private:
  const base::FileDescriptor& socket_;
};

bool shake_hands(Initiator& initiator, int socket, const wg::PublicKey& key,
                 const noise::Path& path) {
  initiator.is_answered = false;
  (void)initiator.engine.initiate(key, path, 1, base::read_clock());
  std::array<std::uint8_t, 2048> datagram{};
  pollfd waiting{socket, POLLIN, 0};
  while (!initiator.is_answered && ::poll(&waiting, 1, patience_milliseconds) > 0) {
    const ssize_t size = ::recv(socket, datagram.data(), datagram.size(), 0);
    if (size <= 0) return false;
    initiator.engine.receive(base::MutableBytes(datagram).first(static_cast<std::size_t>(size)),
                             path, base::read_clock());
  }
  return initiator.is_answered;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() != 5)
    fail("bench_initiators PEERS PUBLIC-KEYS-FILE COUNT RESPONDER-KEY RESPONDER-ENDPOINT");
  const auto key = wg::PublicKey::parse(words[3]);
  const auto endpoint = base::Endpoint::parse(words[4]);
  if (!key || !endpoint) fail("not a key, or not an endpoint");
  const base::FileDescriptor socket(
      ::socket(endpoint->address.is_ipv4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage remote{};
  const socklen_t size = endpoint->to_sockaddr(remote);
  const void* const raw = &remote;
  if (::connect(socket.get(), static_cast<const sockaddr*>(raw), size) != 0) fail("no socket");

  std::vector<std::unique_ptr<Initiator>> initiators(std::stoul(words[0]));
  std::ofstream keys(words[1]);
  for (auto& initiator : initiators) {
    initiator = std::make_unique<Initiator>(socket);
    initiator->engine.add_peer(*key, {});
    keys << initiator->engine.public_key().to_base64() << '\n';
  }
  keys.close();
  fmt::print("ready\n");
  (void)std::fflush(stdout);
  std::string line;
  std::getline(std::cin, line);

  const auto started = std::chrono::steady_clock::now();
  std::size_t answered = 0;
  const std::size_t count = std::stoul(words[2]);
  for (std::size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_until(started + pace * i);
    Initiator& one = *initiators[i % initiators.size()];
    answered += shake_hands(one, socket.get(), *key, {*endpoint, {}}) ? 1U : 0U;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
  fmt::print("{} {:.3f}\n", answered, taken.count());
}
