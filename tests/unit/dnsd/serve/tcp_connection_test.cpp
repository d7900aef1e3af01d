#include "dnsd/serve/tcp_connection.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "tests/unit/dnsd/answer_fixture.hpp"

// One connection over a pair of sockets; the test runs its event loop.
namespace {

using Octets = std::vector<std::uint8_t>;
using std::chrono::milliseconds;

constexpr std::chrono::seconds generous{20};

/// A query for the SOA of wg.example.org, with its length before it.
Octets framed_query(std::uint16_t id) {
  Octets message{static_cast<std::uint8_t>(id >> 8U), static_cast<std::uint8_t>(id)};
  for (const int octet : {0, 0, 0, 1, 0, 0, 0, 0, 0, 0}) {
    message.push_back(static_cast<std::uint8_t>(octet));
  }
  const dns::Name name = *dns::Name::parse("wg.example.org.");
  const base::Bytes wire = name.view().wire();
  message.insert(message.end(), wire.begin(), wire.end());
  for (const int octet : {0, 6, 0, 1}) message.push_back(static_cast<std::uint8_t>(octet));
  Octets result{0, static_cast<std::uint8_t>(message.size())};
  result.insert(result.end(), message.begin(), message.end());
  return result;
}

class Connection final : public dnsd::TcpConnectionOwner {
 public:
  explicit Connection(dnsd::TcpLimits limits = {})
      : room_{.io = io_, .responder = responder_, .served = served, .limits = limits} {
    int ends[2] = {};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    client_ = base::FileDescriptor(ends[0]);
    const auto connection = std::make_shared<dnsd::TcpConnection>(
        room_, *this, base::FileDescriptor(ends[1]), *base::IpAddress::parse("203.0.113.99"),
        dnsd::View::public_view, nullptr);
    connection->start(list_.insert(list_.end(), connection));
  }
  ~Connection() override { close(); }

  void note_query(dnsd::TcpConnectionList::iterator place) override {
    REQUIRE(place == list_.begin());
    ++asked;
  }
  void remove(dnsd::TcpConnectionList::iterator place) override {
    REQUIRE(place == list_.begin());
    ++over;
    close();
  }
  void close() {
    for (const auto& one : list_) one->close();
    list_.clear();
  }

  void send(const Octets& octets) {
    REQUIRE(::send(client_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(octets.size()));
  }
  void finish_sending() { ::shutdown(client_.get(), SHUT_WR); }
  template <typename Condition>
  bool run_until(Condition condition) {
    const auto end = base::read_steady() + generous;
    while (!condition() && base::read_steady() < end) {
      receive();
      io_.run_one_for(milliseconds(10));
    }
    receive();
    return condition();
  }
  void run_what_is_ready() { io_.poll(); }
  /// The ids of the replies so far.
  [[nodiscard]] std::vector<int> ids() const {
    std::vector<int> result;
    for (std::size_t at = 0; at + 4 <= received_.size();) {
      result.push_back((received_[at + 2] << 8) | received_[at + 3]);
      at += 2 + ((std::size_t{received_[at]} << 8U) | received_[at + 1]);
    }
    return result;
  }

  dnsd::Served served;
  int asked = 0;
  int over = 0;

 private:
  void receive() {
    std::array<std::uint8_t, 65536> buffer;
    for (;;) {
      const auto size = ::recv(client_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size <= 0) return;
      received_.insert(received_.end(), buffer.begin(), buffer.begin() + size);
    }
  }

  AnswerFixture server_;
  dnsd::Responder responder_ = server_.responder();
  asio::io_context io_{1};
  dnsd::TcpRoom room_;
  dnsd::TcpConnectionList list_;
  base::FileDescriptor client_;
  Octets received_;
};

}  // namespace

TEST_CASE("queries in one segment are answered in their order, and the owner is told once") {
  Connection connection;
  Octets both = framed_query(7);
  const Octets second = framed_query(8);
  both.insert(both.end(), second.begin(), second.end());
  connection.send(both);
  CHECK(connection.run_until([&] { return connection.ids().size() == 2; }));
  CHECK(connection.ids() == std::vector{7, 8});
  CHECK(connection.asked == 1);
  CHECK(connection.over == 0);
  CHECK(connection.served.tcp.queries == 2);
  CHECK(connection.served.tcp.replies == 2);
}

TEST_CASE("many queries are answered in several turns") {
  Connection connection;
  Octets all;
  std::vector<int> expected;
  for (std::uint16_t id = 1; id <= 100; ++id) {
    const Octets one = framed_query(id);
    all.insert(all.end(), one.begin(), one.end());
    expected.push_back(id);
  }
  connection.send(all);
  CHECK(connection.run_until([&] { return connection.ids().size() == 100; }));
  CHECK(connection.ids() == expected);
  CHECK(connection.asked == 4);  // 32 per turn
}

TEST_CASE("a client that has finished sending gets its replies, then the connection is over") {
  Connection connection;
  connection.send(framed_query(7));
  connection.finish_sending();
  CHECK(connection.run_until([&] { return connection.over == 1; }));
  CHECK(connection.ids() == std::vector{7});
}

TEST_CASE("what is no DNS message ends the connection, unanswered") {
  Connection connection;
  connection.send({0, 3, 1, 2, 3});
  CHECK(connection.run_until([&] { return connection.over == 1; }));
  CHECK(connection.ids().empty());
  CHECK(connection.asked == 0);
}

TEST_CASE("each kind of silence has its own limit") {
  dnsd::TcpLimits patient;
  patient.idle = patient.half_sent = patient.message = patient.slow_reader = 2 * generous;
  SUBCASE("nothing asked") {
    patient.idle = milliseconds(5);
    Connection connection(patient);
    CHECK(connection.run_until([&] { return connection.over == 1; }));
  }
  SUBCASE("nothing more asked") {
    patient.idle = milliseconds(500);
    Connection connection(patient);
    connection.send(framed_query(7));
    CHECK(connection.run_until([&] { return connection.over == 1; }));
    CHECK(connection.ids() == std::vector{7});
  }
  SUBCASE("half a message") {
    patient.half_sent = milliseconds(5);
    Connection connection(patient);
    connection.send({0});
    CHECK(connection.run_until([&] { return connection.over == 1; }));
  }
  SUBCASE("a message that takes too long") {
    patient.message = milliseconds(5);
    Connection connection(patient);
    connection.send({0});
    CHECK(connection.run_until([&] { return connection.over == 1; }));
  }
}

TEST_CASE("a closed connection reads, answers and tells nothing") {
  Connection connection;
  connection.send(framed_query(7));
  connection.close();
  connection.run_what_is_ready();
  CHECK(connection.asked == 0);
  CHECK(connection.over == 0);
  CHECK(connection.served.tcp.queries == 0);
}

TEST_CASE("a client is counted as its IPv4 address, or as the /64 of its IPv6 address") {
  const struct {
    const char *address, *client;
  } rows[] = {{"203.0.113.99", "203.0.113.99"},
              {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
              {"2001:db8:1:3::1", "2001:db8:1:3::"}};
  for (const auto& row : rows) {
    CAPTURE(row.address);
    CHECK(dnsd::TcpConnection::client_of(*base::IpAddress::parse(row.address)) ==
          *base::IpAddress::parse(row.client));
  }
}
