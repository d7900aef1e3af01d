#include "dnsd/listen/listeners.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "dnsd/host/port_holder.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"
#include "tests/unit/dnsd/free_port.hpp"

// Live sockets on loopback: Linux can bind every address of 127.0.0.0/8.
namespace {

using dnsd::View;

constexpr int patience_ms = 5000;

base::Endpoint at(const char* address, base::Port port) {
  return {*base::IpAddress::parse(address), port};
}

dnsd::HostAddresses host_with(const std::vector<const char*>& addresses) {
  dnsd::HostAddresses host;
  for (const char* one : addresses)
    host.addresses.push_back({*base::IpAddress::parse(one), 8, "lo", 1, true});
  return host;
}

bool is_free(const base::Endpoint& place) {
  return dnsd::open_listen_sockets({.endpoint = place}, 1, dnsd::Sharing::exclusive).has_value();
}

/// A socket of another program, which occupies a place.
class Stranger {
 public:
  Stranger(const base::Endpoint& place, int type)
      : socket_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage{};
    const socklen_t size = place.to_sockaddr(storage);
    const void* raw = &storage;
    REQUIRE(::bind(socket_.get(), static_cast<const sockaddr*>(raw), size) == 0);
    if (type == SOCK_STREAM) REQUIRE(::listen(socket_.get(), 1) == 0);
  }

 private:
  base::FileDescriptor socket_;
};

class Client {
 public:
  Client(const base::Endpoint& server, int type)
      : socket_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage{};
    const socklen_t size = server.to_sockaddr(storage);
    const void* raw = &storage;
    is_connected_ = ::connect(socket_.get(), static_cast<const sockaddr*>(raw), size) == 0;
  }
  [[nodiscard]] bool is_connected() const { return is_connected_; }
  /// Whether the server closes the connection in time.
  [[nodiscard]] bool is_closed() const {
    std::array<char, 1> octet{};
    return is_readable(patience_ms) && ::recv(socket_.get(), octet.data(), octet.size(), 0) <= 0;
  }
  [[nodiscard]] bool is_open() const { return !is_readable(0); }
  /// Whether an answer comes over UDP.
  [[nodiscard]] bool gets_answer() const {
    const std::array<std::uint8_t, 12> header{0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    std::vector<std::uint8_t> query(header.begin(), header.end());
    const dns::Name name = *dns::Name::parse("wg.example.org.");
    const base::Bytes wire = name.view().wire();
    query.insert(query.end(), wire.begin(), wire.end());
    for (const int octet : {0, 6, 0, 1}) query.push_back(static_cast<std::uint8_t>(octet));
    std::array<std::uint8_t, 1232> reply{};
    return ::send(socket_.get(), query.data(), query.size(), 0) > 0 && is_readable(patience_ms) &&
           ::recv(socket_.get(), reply.data(), reply.size(), 0) > 12 && reply[1] == 7;
  }

 private:
  [[nodiscard]] bool is_readable(int timeout_ms) const {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN | POLLRDHUP, .revents = 0};
    return ::poll(&waiting, 1, timeout_ms) == 1;
  }
  base::FileDescriptor socket_;
  bool is_connected_ = false;
};

bool answers(const base::Endpoint& place) {
  return Client(place, SOCK_DGRAM).gets_answer() && Client(place, SOCK_STREAM).is_connected();
}

/// Listeners over a real responder and two threads.
struct Fixture {
  /// `ADDRESS view`; `-` before a listener that is not listening, `!` before one that is missed.
  [[nodiscard]] std::vector<std::string> status() const {
    std::vector<std::string> result;
    for (const dnsd::ListenerStatus& one : listeners.status()) {
      const std::string mark = one.is_listening ? "" : one.is_missed ? "!" : "-";
      result.push_back(mark + one.address + " " + std::string(to_string(one.view)));
    }
    return result;
  }

  AnswerFixture server;
  dnsd::Responder responder = server.responder();
  dnsd::AnswerThreads threads{responder, 2};
  dnsd::Listeners listeners{threads, {}};
};

std::string line(const base::Endpoint& place, const char* rest = " public") {
  return place.to_string() + rest;
}

/// Whether any process has a UDP socket at this place.
bool has_udp_socket(const base::Endpoint& place) {
  std::ifstream file("/proc/net/udp");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto sockets = dnsd::parse_open_sockets(text);
  return std::any_of(sockets.begin(), sockets.end(),
                     [&](const dnsd::OpenSocket& one) { return one.local == place; });
}

}  // namespace

TEST_CASE("a change opens what is new, closes what is gone, and leaves alone what stays") {
  Fixture f;
  const base::Port port = free_port();
  const auto gone = at("127.0.0.1", port);
  const auto stays = at("127.0.0.2", port);
  const auto is_new = at("127.0.0.3", port);
  REQUIRE(f.listeners.change({{gone, View::public_view}, {stays, View::private_view}}, {}));
  CHECK(f.status() == std::vector{line(gone), line(stays, " private")});
  CHECK(answers(gone));
  CHECK(answers(stays));
  const Client at_gone(gone, SOCK_STREAM);
  const Client at_stays(stays, SOCK_STREAM);
  REQUIRE(at_gone.is_connected());
  REQUIRE(at_stays.is_connected());

  REQUIRE(f.listeners.change({{stays, View::private_view}, {is_new, View::public_view}}, {}));
  CHECK(f.status() == std::vector{line(stays, " private"), line(is_new)});
  CHECK(f.listeners.wanted().size() == 2);
  CHECK(answers(is_new));
  CHECK(answers(stays));
  CHECK(at_gone.is_closed());
  CHECK(at_stays.is_open());  // its listener was not opened again
  CHECK(is_free(gone));
}

TEST_CASE("another view of the same place is another listener") {
  Fixture f;
  const auto place = at("127.0.0.1", free_port());
  REQUIRE(f.listeners.change({{place, View::public_view}}, {}));
  const Client client(place, SOCK_STREAM);
  REQUIRE(f.listeners.change({{place, View::private_view}}, {}));
  CHECK(f.status() == std::vector{line(place, " private")});
  CHECK(client.is_closed());
  CHECK(answers(place));
}

TEST_CASE("a private listener that strangers may reach is told from one that they do not") {
  Fixture f;
  const base::Port port = free_port();
  const auto exposed = [&] {
    std::vector<bool> result;
    for (const dnsd::ListenerStatus& one : f.listeners.status()) result.push_back(one.is_exposed);
    return result;
  };
  REQUIRE(f.listeners.change({{at("0.0.0.0", port), View::private_view},
                              {at("127.0.0.1", port), View::private_view},
                              {at("203.0.113.1", port), View::private_view}},  // absent
                             {}));
  CHECK(f.status().size() == 3);
  CHECK(exposed() == std::vector{false, false, true});
  REQUIRE(f.listeners.change({{at("0.0.0.0", port), View::public_view}}, {}));
  CHECK(exposed() == std::vector{false});
}

TEST_CASE("a place that somebody else holds: nothing changes, and the error names it") {
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    CAPTURE(type);
    Fixture f;
    const base::Port port = free_port();
    const auto before = at("127.0.0.1", port);
    const auto fresh = at("127.0.0.2", port);
    const auto held = at("127.0.0.3", port);
    REQUIRE(f.listeners.change({{before, View::public_view}}, {}));
    const Stranger stranger(held, type);
    const auto changed =
        f.listeners.change({{fresh, View::public_view}, {held, View::public_view}}, {});
    REQUIRE_FALSE(changed);
    CAPTURE(changed.error());
    const std::string transport = type == SOCK_DGRAM ? "UDP " : "TCP ";
    CHECK(changed.error().starts_with(transport + held.to_string() + " is held by "));
    CHECK(changed.error().find("(process " + std::to_string(::getpid()) + ")") !=
          std::string::npos);
    CHECK(f.status() == std::vector{line(before)});
    CHECK(f.listeners.wanted().size() == 1);
    CHECK(answers(before));
    CHECK(is_free(fresh));
  }
}

TEST_CASE("a named address that the host does not have is waited for, and missed") {
  Fixture f;
  const base::Port port = free_port();
  const auto here = at("127.0.0.1", port);
  const auto elsewhere = at("192.0.2.1", port);  // RFC 5737: no host has it
  const auto tunnel = at("198.51.100.1", port);  // the address of an interface that does not exist
  REQUIRE(f.listeners.change(
      {{here, View::public_view}, {elsewhere, View::public_view}, {tunnel, View::private_view}},
      {}));
  CHECK(f.status() ==
        std::vector{line(here), "!" + line(elsewhere), "!" + line(tunnel, " private")});
  for (const dnsd::ListenerStatus& one : f.listeners.status()) {
    CHECK(one.problem ==
          (one.is_listening ? "" : "this host does not have the address: waiting for it"));
  }
  CHECK(answers(here));
}

TEST_CASE("a wildcard that is held in part becomes single addresses, which follow the host") {
  Fixture f;
  const base::Port port = free_port();
  const auto one = at("127.0.0.1", port);
  const auto held = at("127.0.0.2", port);
  const auto three = at("127.0.0.3", port);
  const auto four = at("127.0.0.4", port);
  std::optional<Stranger> stranger;
  stranger.emplace(held, SOCK_DGRAM);
  REQUIRE(f.listeners.change({{at("0.0.0.0", port), View::public_view}},
                             host_with({"127.0.0.3", "127.0.0.1", "127.0.0.2"})));
  CHECK(f.status() == std::vector{line(one), "-" + line(held), line(three)});
  CHECK(f.listeners.status()[1].problem.starts_with("UDP " + held.to_string() + " is held by "));
  CHECK(answers(one));
  const Client at_one(one, SOCK_STREAM);
  REQUIRE(at_one.is_connected());

  f.listeners.follow(host_with({"127.0.0.1", "127.0.0.2", "127.0.0.4"}));
  CHECK(f.status() == std::vector{line(one), "-" + line(held), line(four)});
  CHECK(answers(four));
  CHECK(is_free(three));
  CHECK(at_one.is_open());

  stranger.reset();  // a listener that could not be opened is tried again at the next change
  f.listeners.follow(host_with({"127.0.0.1", "127.0.0.2"}));
  CHECK(f.status() == std::vector{line(one), line(held)});
  CHECK(answers(held));
  CHECK(is_free(four));
}

TEST_CASE("a wildcard listens beside sockets of single addresses, which come and go with them") {
  Fixture f;
  const base::Port port = free_port();
  const auto wildcard = at("0.0.0.0", port);
  const auto shortcut = at("127.0.0.1", port);
  REQUIRE(f.listeners.change({{wildcard, View::public_view}}, host_with({"127.0.0.1"})));
  CHECK(f.status() == std::vector{line(wildcard)});
  CHECK(has_udp_socket(shortcut));
  CHECK(answers(shortcut));
  CHECK(answers(at("127.0.0.9", port)));
  f.listeners.follow({});
  CHECK_FALSE(has_udp_socket(shortcut));
  CHECK(answers(shortcut));
  REQUIRE(f.listeners.change({{shortcut, View::public_view}}, host_with({"127.0.0.1"})));
  CHECK(f.status() == std::vector{line(shortcut)});
  CHECK_FALSE(has_udp_socket(wildcard));
}

TEST_CASE("a wildcard of which no address can be had is refused") {
  Fixture f;
  const base::Port port = free_port();
  const Stranger stranger(at("127.0.0.1", port), SOCK_DGRAM);
  const auto changed =
      f.listeners.change({{at("0.0.0.0", port), View::public_view}}, host_with({"127.0.0.1"}));
  REQUIRE_FALSE(changed);
  CHECK(changed.error().starts_with("UDP " + at("127.0.0.1", port).to_string() + " is held by "));
  CHECK(f.listeners.status().empty());
}
