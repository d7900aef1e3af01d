// Two WireGuard peers in one process, each a noise::Engine with a UDP socket of its own on
// loopback. They speak to one host, and to each other through it. Prints their public keys, then
// one line for each line of standard input:
//   host KEY ENDPOINT        the host; comes first
//   connect                  both begin a session with the host
//   shake                    the first begins a session with the second, through the host
//   send first|second SIZE   one inner packet to the other, through the host
//   blocked first|second     it must not arrive: then both ask the host for a sign of life
//   pour first|second SIZE   nobody waits for it
//   via ZONE SOURCE HOST     the first asks inside the tunnel, from its address there, to be passed
//                            on to the second
// `ok`, with the rcode after `via`, or `timeout`.
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "base/ip_packet.hpp"
#include "dns/update.hpp"
#include "noise/engine.hpp"
#include "schema/relay_text.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds patience{20};
constexpr std::size_t inner_mtu = 1420;
constexpr std::uint16_t update_id = 7;
constexpr base::Port own_dns_port{4321};

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "{}\n", message);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

class Peer : public noise::Engine::Handler {
 public:
  Peer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* const raw = &own;
    if (::bind(socket_.get(), static_cast<const sockaddr*>(raw), sizeof own) != 0)
      fail("no port is available");
  }

  [[nodiscard]] int fd() const { return socket_.get(); }
  void read() {
    std::array<std::uint8_t, 65536> datagram;
    for (;;) {
      sockaddr_storage source{};
      socklen_t length = sizeof source;
      void* const raw = &source;
      const ssize_t size = ::recvfrom(socket_.get(), datagram.data(), datagram.size(), 0,
                                      static_cast<sockaddr*>(raw), &length);
      if (size < 0) return;
      const auto from = base::Endpoint::from_sockaddr(source);
      if (from)
        engine.receive(base::MutableBytes(datagram).first(static_cast<std::size_t>(size)),
                       {*from, {}}, base::read_clock());
    }
  }

  void send(const noise::Path& path, base::Bytes datagram) override {
    sockaddr_storage target{};
    const socklen_t length = path.remote.to_sockaddr(target);
    const void* const raw = &target;
    (void)::sendto(socket_.get(), datagram.data(), datagram.size(), 0,
                   static_cast<const sockaddr*>(raw), length);
  }
  void received(const wg::PublicKey& peer, const noise::Received& /*received*/) override {
    ++packets[peer];
  }
  void inner(const wg::PublicKey& /*peer*/, base::Bytes packet) override {
    inners.emplace_back(packet.begin(), packet.end());
  }
  void unknown_session(const noise::Path& /*path*/) override {}
  void clock_behind(const wg::PublicKey& /*peer*/, seconds /*by*/) override {}

  noise::Engine engine{noise::KeyPair::draw(), *this, {.answers_keepalives = false}};
  std::map<wg::PublicKey, std::size_t> packets;  // by sender
  std::vector<std::vector<std::uint8_t>> inners;

 private:
  base::FileDescriptor socket_;
};

class Pair {
 public:
  [[nodiscard]] std::string keys() const {
    return first_.engine.public_key().to_base64() + " " + second_.engine.public_key().to_base64();
  }

  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "host") return set_host(words);
    if (word == "connect") return connect();
    if (word == "shake") return shake();
    if (word == "via") return via(words);
    std::string who;
    words >> who;
    Peer& from = who == "first" ? first_ : second_;
    Peer& to = who == "first" ? second_ : first_;
    if (word == "blocked") return blocked(from, to);
    std::size_t size = 0;
    if (!(words >> size) || (word != "send" && word != "pour")) fail("not a command: " + line);
    if (word == "send") return deliver(from, to, size);
    const std::vector<std::uint8_t> packet(size);
    const bool is_sent = from.engine.send(to.engine.public_key(), packet, base::read_clock());
    return is_sent ? "ok" : "no session";
  }

 private:
  std::string set_host(std::istringstream& words) {
    std::string key;
    std::string endpoint;
    words >> key >> endpoint;
    const auto parsed = wg::PublicKey::parse(key);
    const auto place = base::Endpoint::parse(endpoint);
    if (!parsed || !place) fail("host KEY ENDPOINT");
    host_ = *parsed;
    path_ = {*place, {}};
    first_.engine.add_peer(host_, {});
    second_.engine.add_peer(host_, {});
    first_.engine.add_peer(second_.engine.public_key(), {});
    second_.engine.add_peer(first_.engine.public_key(), {});
    return "ok";
  }

  std::string connect() {
    const auto before = count();
    for (Peer* peer : both_) (void)peer->engine.initiate(host_, path_, 1, base::read_clock());
    return verdict([&] { return has_each_more_than(before, 1); });
  }

  std::string shake() {
    const std::size_t& packets = second_.packets[first_.engine.public_key()];
    const std::size_t before = packets;
    (void)first_.engine.initiate(second_.engine.public_key(), path_, 1, base::read_clock());
    return verdict([&] { return packets > before; });
  }

  std::string deliver(Peer& from, Peer& to, std::size_t size) {
    std::vector<std::uint8_t> packet(size);
    for (std::size_t i = 0; i < size; ++i) packet[i] = static_cast<std::uint8_t>(i * 7 + size);
    to.inners.clear();
    if (!from.engine.send(to.engine.public_key(), packet, base::read_clock())) return "no session";
    return verdict([&] {
      return std::any_of(to.inners.begin(), to.inners.end(), [&](const auto& inner) {
        return inner.size() >= size && std::equal(packet.begin(), packet.end(), inner.begin());
      });
    });
  }

  std::string blocked(Peer& from, Peer& to) {
    to.inners.clear();
    const std::vector<std::uint8_t> packet(64);
    if (!from.engine.send(to.engine.public_key(), packet, base::read_clock())) return "no session";
    const auto before = count();
    for (Peer* peer : both_) {
      if (!peer->engine.send(host_, {}, base::read_clock())) return "no session with the host";
    }
    const std::string result = verdict([&] { return has_each_more_than(before, 0); });
    return to.inners.empty() ? result : "it arrived";
  }

  std::string via(std::istringstream& words) {
    std::string zone;
    std::string source;
    std::string host;
    words >> zone >> source >> host;
    const auto apex = dns::Name::parse(zone);
    const auto from = base::IpAddress::parse(source);
    const auto to = base::IpAddress::parse(host);
    if (!apex || !from || !to) fail("via ZONE SOURCE HOST");
    const std::array peers{second_.engine.public_key()};
    const auto message =
        schema::write_via_update(update_id, *apex, first_.engine.public_key(), peers);
    std::array<std::uint8_t, inner_mtu> buffer;
    base::ByteWriter writer(buffer);
    base::write_udp(writer, {*from, own_dns_port}, {*to, base::Port{53}}, message);
    first_.inners.clear();
    base::write_ip_packets(
        {*from, *to, base::IpProtocol::udp, writer.written()}, 1, inner_mtu,
        [&](base::Bytes packet) { (void)first_.engine.send(host_, packet, base::read_clock()); });
    std::optional<dns::Rcode> rcode;
    const std::string result = verdict([&] {
      for (const auto& inner : first_.inners) rcode = read_reply(inner, *apex);
      return rcode.has_value();
    });
    return rcode ? fmt::format("ok {}", static_cast<unsigned>(*rcode)) : result;
  }

  static std::optional<dns::Rcode> read_reply(base::Bytes inner, const dns::Name& apex) {
    const auto ip = base::parse_ip_packet(inner);
    if (!ip) return std::nullopt;
    const auto datagram = base::parse_udp(*ip);
    if (!datagram || datagram->destination != own_dns_port) return std::nullopt;
    return dns::parse_update_reply(datagram->payload, update_id, apex);
  }

  /// Packets from the host.
  [[nodiscard]] std::array<std::size_t, 2> count() {
    return {first_.packets[host_], second_.packets[host_]};
  }
  [[nodiscard]] bool has_each_more_than(const std::array<std::size_t, 2>& before,
                                        std::size_t more) {
    return count()[0] > before[0] + more && count()[1] > before[1] + more;
  }

  /// Lets both receive until then.
  std::string verdict(const std::function<bool()>& condition) {
    const auto end = base::read_steady() + patience;
    while (!condition()) {
      if (base::read_steady() > end) return "timeout";
      std::array<pollfd, 2> waiting{{{first_.fd(), POLLIN, 0}, {second_.fd(), POLLIN, 0}}};
      (void)::poll(waiting.data(), waiting.size(), 100);
      for (Peer* peer : both_) peer->read();
    }
    return "ok";
  }

  Peer first_;
  Peer second_;
  const std::array<Peer*, 2> both_{&first_, &second_};
  wg::PublicKey host_;
  noise::Path path_;
};

}  // namespace

int main() {
  Pair pair;
  fmt::print("{}\n", pair.keys());
  (void)std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    fmt::print("{}\n", pair.answer(line));
    (void)std::fflush(stdout);
  }
}
