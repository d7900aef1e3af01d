#include "dnsd/serve/answer_threads.hpp"
#include "dnsd/listen/listen_socket.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dns/zone_file.hpp"

// Live sockets on loopback: the servers together with the kernel.
namespace {

using Octets = std::vector<std::uint8_t>;
using dnsd::View;

constexpr std::uint8_t txt = 16;

std::string zone_text() {
  std::string text =
      "@ SOA ns1 hostmaster 1 1200 300 1209600 1\n@ NS ns1\nns1 A 203.0.113.10\nsmall TXT "
      "\"here\"\n";
  for (int i = 0; i < 200; ++i)
    text += "large TXT \"" + std::to_string(i) + std::string(200, 'x') + "\"\n";
  return text;
}

// A zone, and threads that answer for it.
class Server {
 public:
  explicit Server(std::size_t threads = 2, dnsd::TcpLimits limits = {})
      : published_(make_zone()),
        policy_(dnsd::make_policy({}, std::nullopt, nullptr)),
        responder_(published_, policy_),
        threads_(responder_, threads, limits) {}

  // Listens on a free port. \param before is called with the endpoint before any query is answered.
  // \return the endpoint; nullopt: this host has no such address.
  std::optional<base::Endpoint> listen(
      const char* address, View view = View::public_view,
      const std::function<void(const base::Endpoint&)>& before = nullptr) {
    for (;;) {
      // The port that UDP gets may be taken for TCP: then another one is tried.
      const base::IpAddress where = *base::IpAddress::parse(address);
      const auto port = free_port(where);
      if (!port) return std::nullopt;
      auto sockets = dnsd::open_listen_sockets({.endpoint = {where, *port}}, threads_.count(),
                                               dnsd::Sharing::exclusive);
      if (!sockets) continue;
      if (before) before({where, *port});
      last_ = threads_.add(std::move(*sockets), {.view = view});
      return base::Endpoint{where, *port};
    }
  }
  void ignore(const base::Endpoint& place) {
    const auto prefix = base::Prefix::make(place.address, place.address.is_ipv4() ? 32 : 128);
    threads_.set_loop_guard(dnsd::LoopGuard({{.addresses = *prefix, .port = place.port}}));
  }
  void remove_last() { threads_.remove(last_); }
  [[nodiscard]] const dnsd::Served& served() const { return threads_.served(); }

 private:
  std::shared_ptr<const dnsd::Zone> make_zone() {
    live_.set_ready();
    dnsd::ZoneOptions options;
    options.apex = *dns::Name::parse("example.org.");
    auto read = dns::parse_zone_text(zone_text(), options.apex);
    if (!read) throw std::runtime_error(read.error().message);
    auto zone = dnsd::Zone::make(options, std::move(read->records), {}, peers_, live_);
    if (!zone) throw std::runtime_error(zone.error().message);
    return std::make_shared<const dnsd::Zone>(*std::move(zone));
  }
  static std::optional<base::Port> free_port(const base::IpAddress& address) {
    auto probe = dnsd::open_listen_sockets({.endpoint = {address, base::Port{0}}}, 1,
                                           dnsd::Sharing::exclusive);
    if (!probe) return std::nullopt;
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    void* raw = &storage;
    ::getsockname(probe->udp[0].get(), static_cast<sockaddr*>(raw), &length);
    return base::Endpoint::from_sockaddr(storage)->port;
  }

  dnsd::PeerTable peers_;
  dnsd::LiveState live_;
  dnsd::PublishedZone published_;
  dnsd::PublishedPolicy policy_;
  dnsd::Responder responder_;
  dnsd::AnswerThreads threads_;
  dnsd::AnswerThreads::ListenerId last_{};
};

Octets query(std::uint16_t id, std::string_view label) {
  Octets result{static_cast<std::uint8_t>(id >> 8U),
                static_cast<std::uint8_t>(id),
                0,
                0,
                0,
                1,
                0,
                0,
                0,
                0,
                0,
                0};
  for (const std::string_view one : {label, std::string_view("example"), std::string_view("org")}) {
    result.push_back(static_cast<std::uint8_t>(one.size()));
    result.insert(result.end(), one.begin(), one.end());
  }
  for (const std::uint8_t octet :
       {std::uint8_t{0}, std::uint8_t{0}, txt, std::uint8_t{0}, std::uint8_t{1}})
    result.push_back(octet);
  return result;
}

Octets framed(const Octets& message) {
  Octets result{static_cast<std::uint8_t>(message.size() >> 8U),
                static_cast<std::uint8_t>(message.size())};
  result.insert(result.end(), message.begin(), message.end());
  return result;
}

std::uint16_t id_of(const Octets& message) {
  return message.size() < 2 ? std::uint16_t{0}
                            : static_cast<std::uint16_t>((message[0] << 8U) | message[1]);
}
bool has_answer(const Octets& message) {
  return message.size() > 12 && message[7] > 0;
}
bool is_truncated(const Octets& message) {
  return message.size() >= 12 && (message[2] & 2U) != 0;
}

// One socket of a client. No wait is longer than a few seconds.
class Client {
 public:
  // \param source the client's endpoint, which another socket may hold, too.
  Client(const base::Endpoint& server, int type, std::optional<int> receive_buffer = {},
         std::optional<base::Endpoint> source = {}) {
    const int family = server.address.is_ipv4() ? AF_INET : AF_INET6;
    socket_ = base::FileDescriptor(::socket(family, type | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (receive_buffer) {
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &*receive_buffer, sizeof(int));
    }
    sockaddr_storage storage{};
    const void* raw = &storage;
    if (source) {
      const int yes = 1;
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
      const socklen_t source_length = source->to_sockaddr(storage);
      REQUIRE(::bind(socket_.get(), static_cast<const sockaddr*>(raw), source_length) == 0);
    }
    const socklen_t length = server.to_sockaddr(storage);
    // A connected UDP socket takes replies only from the address that was asked.
    is_connected_ = ::connect(socket_.get(), static_cast<const sockaddr*>(raw), length) == 0;
  }

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  bool send(const Octets& octets) {
    return ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(octets.size());
  }
  // Waits for octets, and returns all that are there; empty: nothing came, or the connection ended.
  Octets receive(std::size_t most = 65536) {
    Octets result(most);
    const auto size = ::recv(socket_.get(), result.data(), most, 0);
    result.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return result;
  }
  Octets receive_message() {
    const Octets length = receive_exactly(2);
    if (length.size() < 2) return {};
    return receive_exactly(static_cast<std::size_t>(length[0] << 8U) | length[1]);
  }
  // Whether the server closes within a few seconds, and sends nothing before.
  bool is_closed_by_server() {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN | POLLRDHUP, .revents = 0};
    return ::poll(&waiting, 1, 5000) == 1 && receive().empty();
  }
  // Whether nothing comes, and the connection does not end, for this time.
  bool is_open(std::chrono::milliseconds patience = {}) {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN | POLLRDHUP, .revents = 0};
    return ::poll(&waiting, 1, static_cast<int>(patience.count())) == 0;
  }

 private:
  Octets receive_exactly(std::size_t size) {
    Octets result;
    while (result.size() < size) {
      const Octets more = receive(size - result.size());
      if (more.empty()) break;
      result.insert(result.end(), more.begin(), more.end());
    }
    return result;
  }

  base::FileDescriptor socket_;
  bool is_connected_ = false;
};

}  // namespace

TEST_CASE("the same question gets the same answer over UDP and TCP, IPv4 and IPv6") {
  Server server;
  Octets first;
  for (const char* address : {"127.0.0.1", "::1"}) {
    CAPTURE(address);
    const auto place = server.listen(address);
    if (!place) continue;  // no IPv6 here
    Client udp(*place, SOCK_DGRAM);
    REQUIRE(udp.send(query(7, "small")));
    const Octets over_udp = udp.receive();
    Client tcp(*place, SOCK_STREAM);
    REQUIRE(tcp.send(framed(query(7, "small"))));
    CHECK(has_answer(over_udp));
    CHECK(tcp.receive_message() == over_udp);
    if (first.empty()) first = over_udp;
    CHECK(over_udp == first);
  }
}

TEST_CASE("what does not fit over UDP is truncated, and whole over TCP") {
  Server server;
  const auto place = *server.listen("127.0.0.1");
  Client udp(place, SOCK_DGRAM);
  REQUIRE(udp.send(query(7, "large")));
  CHECK(is_truncated(udp.receive()));
  Client tcp(place, SOCK_STREAM);
  REQUIRE(tcp.send(framed(query(7, "large"))));
  const Octets whole = tcp.receive_message();
  CHECK_FALSE(is_truncated(whole));
  CHECK(whole.size() > 40000);
}

TEST_CASE("a wildcard listener replies from the address that was asked") {
  Server server;
  struct Row {
    const char *wildcard, *asked;
  };
  for (const Row& row : {Row{"0.0.0.0", "127.0.0.2"}, Row{"::", "::1"}}) {
    CAPTURE(row.wildcard);
    const auto place = server.listen(row.wildcard);
    if (!place) continue;
    Client client({*base::IpAddress::parse(row.asked), place->port}, SOCK_DGRAM);
    REQUIRE(client.is_connected());
    REQUIRE(client.send(query(7, "small")));
    CHECK(has_answer(client.receive()));
  }
}

TEST_CASE("several batches of datagrams are all answered, garbage among them is not") {
  Server server;
  Client client(*server.listen("127.0.0.1"), SOCK_DGRAM);
  constexpr std::uint16_t count =
      70;  // with the garbage three batches, and no receive buffer overflows
  for (std::uint16_t id = 1; id <= count; ++id) {
    REQUIRE(client.send(query(id, "small")));
    REQUIRE(client.send({1, 2, 3}));
  }
  for (std::uint16_t id = 1; id <= count; ++id) CHECK(id_of(client.receive()) == id);
  CHECK(server.served().udp.replies == count);
}

TEST_CASE("what waits in many full batches is answered, and so is what comes when all is quiet") {
  Server server(1);
  constexpr std::uint16_t count = 300;  // more than a turn; fits into the smallest buffers
  std::optional<Client> client;
  const auto flood = [&](const base::Endpoint& place) {
    client.emplace(place, SOCK_DGRAM, 1 << 20);
    for (std::uint16_t id = 1; id <= count; ++id) REQUIRE(client->send(query(id, "small")));
  };
  REQUIRE(server.listen("127.0.0.1", View::public_view, flood));
  for (std::uint16_t id = 1; id <= count; ++id) CHECK(id_of(client->receive()) == id);
  for (std::uint16_t id = 1; id <= 3; ++id) {
    REQUIRE(client->send(query(id, "small")));
    CHECK(id_of(client->receive()) == id);
  }
  // The server is closed in the midst of a flood: nothing that was freed is used afterwards.
  const auto place = server.listen("127.0.0.1", View::public_view, flood);
  server.remove_last();
  CHECK(dnsd::open_listen_sockets({.endpoint = *place}, 1, dnsd::Sharing::exclusive));
}

TEST_CASE("what comes from an own listener is ignored, any other port and address is a client") {
  Server server(1);
  const auto asked = *server.listen("127.0.0.1");
  const auto own = *server.listen("127.0.0.2");
  server.ignore(own);
  const base::Endpoint other_address{*base::IpAddress::parse("127.0.0.3"), own.port};
  const base::Endpoint other_port{own.address, asked.port};
  Client forger(asked, SOCK_DGRAM, {}, own);
  REQUIRE(forger.send(query(1, "small")));
  for (const auto& source : {other_address, other_port}) {
    CAPTURE(source.to_string());
    Client client(asked, SOCK_DGRAM, {}, source);
    REQUIRE(client.send(query(2, "small")));
    CHECK(id_of(client.receive()) == 2);
  }
  CHECK(forger.is_open());  // nothing came, although it asked first
}

TEST_CASE("queries in one segment are answered in their order") {
  Server server;
  Client client(*server.listen("127.0.0.1"), SOCK_STREAM);
  constexpr std::uint16_t count = 500;
  Octets all;
  for (std::uint16_t id = 1; id <= count; ++id) {
    const Octets one = framed(query(id, id % 50 == 0 ? "large" : "small"));
    all.insert(all.end(), one.begin(), one.end());
  }
  REQUIRE(client.send(all));
  for (std::uint16_t id = 1; id <= count; ++id) REQUIRE(id_of(client.receive_message()) == id);
}

TEST_CASE("a query that comes octet by octet is answered") {
  Server server;
  Client client(*server.listen("127.0.0.1"), SOCK_STREAM);
  for (const std::uint8_t octet : framed(query(9, "small"))) REQUIRE(client.send({octet}));
  CHECK(id_of(client.receive_message()) == 9);
}

TEST_CASE("a client that has finished sending still gets its replies") {
  Server server;
  const auto place = *server.listen("127.0.0.1");
  base::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage{};
  const socklen_t length = place.to_sockaddr(storage);
  const void* raw = &storage;
  REQUIRE(::connect(socket.get(), static_cast<const sockaddr*>(raw), length) == 0);
  const Octets message = framed(query(9, "large"));
  REQUIRE(::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL) > 0);
  ::shutdown(socket.get(), SHUT_WR);
  std::size_t total = 0;
  std::array<std::uint8_t, 4096> buffer{};
  for (;;) {
    const auto size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    REQUIRE(size >= 0);
    if (size == 0) break;
    total += static_cast<std::size_t>(size);
  }
  CHECK(total > 40000);
}

TEST_CASE("silent, half-sent, trickling and garbled connections are closed") {
  dnsd::TcpLimits limits;
  limits.idle = std::chrono::milliseconds(60);
  limits.half_sent = std::chrono::milliseconds(30);
  limits.message = std::chrono::milliseconds(100);
  Server server(1, limits);
  const auto place = *server.listen("127.0.0.1");

  SUBCASE("silent") {
    CHECK(Client(place, SOCK_STREAM).is_closed_by_server());
  }
  SUBCASE("silent after an answer") {
    Client client(place, SOCK_STREAM);
    REQUIRE(client.send(framed(query(1, "small"))));
    CHECK(id_of(client.receive_message()) == 1);
    CHECK(client.is_closed_by_server());
  }
  SUBCASE("half-sent") {
    Client client(place, SOCK_STREAM);
    REQUIRE(client.send({0}));
    CHECK(client.is_closed_by_server());
  }
  SUBCASE("trickling, an octet at a time and in time") {
    Client client(place, SOCK_STREAM);
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(client.send({0xff, 0xff}));
    bool is_open = true;
    while (is_open && std::chrono::steady_clock::now() - begin < std::chrono::seconds(5)) {
      is_open = client.is_open(std::chrono::milliseconds(5)) && client.send({0});
    }
    CHECK_FALSE(is_open);
  }
  SUBCASE("a message that is no DNS message") {
    Client client(place, SOCK_STREAM);
    REQUIRE(client.send({0, 3, 1, 2, 3}));
    CHECK(client.is_closed_by_server());
  }
}

TEST_CASE("a client that does not read is cut off, others are not") {
  dnsd::TcpLimits limits;
  limits.slow_reader = std::chrono::milliseconds(50);
  Server server(1, limits);
  const auto place = *server.listen("127.0.0.1");
  Client slow(place, SOCK_STREAM, 4096);
  Octets many;
  for (std::uint16_t id = 1; id <= 200; ++id) {
    const Octets one = framed(query(id, "large"));
    many.insert(many.end(), one.begin(), one.end());
  }
  REQUIRE(slow.send(many));
  Client good(place, SOCK_STREAM);
  REQUIRE(good.send(framed(query(1, "small"))));
  CHECK(id_of(good.receive_message()) == 1);
  // The connection is cut off with unread octets of ours: this shows as an error of sending.
  const auto begin = std::chrono::steady_clock::now();
  bool is_open = true;
  while (is_open && std::chrono::steady_clock::now() - begin < std::chrono::seconds(5)) {
    is_open = slow.send({0});
  }
  CHECK_FALSE(is_open);
}

TEST_CASE("over the limit of one client its longest silent connection makes room") {
  dnsd::TcpLimits limits;
  limits.connections_per_client = 3;
  Server server(1, limits);
  const auto place = *server.listen("127.0.0.1");
  std::vector<Client> clients;
  for (std::uint16_t i = 1; i <= 3; ++i) {
    clients.emplace_back(place, SOCK_STREAM);
    REQUIRE(clients.back().send(framed(query(i, "small"))));
    REQUIRE(id_of(clients.back().receive_message()) == i);
  }
  REQUIRE(clients[0].send(framed(query(9, "small"))));  // now the second is silent for longest
  REQUIRE(id_of(clients[0].receive_message()) == 9);
  Client fourth(place, SOCK_STREAM);
  REQUIRE(fourth.send(framed(query(4, "small"))));
  CHECK(id_of(fourth.receive_message()) == 4);
  CHECK(clients[1].is_closed_by_server());
  CHECK(clients[0].is_open());
  CHECK(clients[2].is_open());
}

TEST_CASE("a listener that is removed closes its connections, and the place is free") {
  Server server;
  const auto place = *server.listen("127.0.0.1");
  Client client(place, SOCK_STREAM);
  REQUIRE(client.send(framed(query(1, "small"))));
  REQUIRE(id_of(client.receive_message()) == 1);
  server.remove_last();
  CHECK(client.is_closed_by_server());
  CHECK_FALSE(Client(place, SOCK_STREAM).is_connected());
  CHECK(dnsd::open_listen_sockets({.endpoint = place}, 1, dnsd::Sharing::exclusive));
}
