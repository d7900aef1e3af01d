#include "dnsd/point/outgoing_batch.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <deque>
#include <string>
#include <vector>

#include "base/file_descriptor.hpp"

// What leaves in one batch, as the kernel's loopback hands it on.

namespace {

using Texts = std::vector<std::string>;

int open_socket() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const sockaddr_in any{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  const void* const raw = &any;
  REQUIRE(::bind(fd, static_cast<const sockaddr*>(raw), sizeof any) == 0);
  return fd;
}

/// A place that datagrams go to.
class Target {
 public:
  /// \param joins shows what passed through the kernel as one
  explicit Target(bool joins = false) : socket_(open_socket()) {
    const int one = 1;
    if (joins) REQUIRE(::setsockopt(socket_.get(), SOL_UDP, UDP_GRO, &one, sizeof one) == 0);
  }
  [[nodiscard]] noise::Path path() const {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    void* const raw = &address;
    REQUIRE(::getsockname(socket_.get(), static_cast<sockaddr*>(raw), &size) == 0);
    return {*base::Endpoint::from_sockaddr(address), *base::IpAddress::parse("127.0.0.1")};
  }
  /// What has come, in order.
  [[nodiscard]] Texts received() {
    Texts all;
    std::vector<char> octets(65'536);
    for (;;) {
      const ssize_t size = ::recv(socket_.get(), octets.data(), octets.size(), 0);
      if (size < 0) return all;
      all.emplace_back(octets.data(), static_cast<std::size_t>(size));
    }
  }

 private:
  base::FileDescriptor socket_;
};

class Sender {
 public:
  explicit Sender(bool is_on_all = false) : batch(socket_.get(), is_on_all) {}

  void lend(const Target& to, const std::string& text, std::size_t segment = 0) {
    lent_.push_back(text);
    batch.lend(to.path(), bytes(lent_.back()), segment == 0 ? text.size() : segment);
  }
  void put(const Target& to, const std::string& text) { batch.put(to.path(), bytes(text)); }
  /// From now on the kernel cuts nothing that this sends.
  void refuse_joined() {
    const int one = 1;
    REQUIRE(::setsockopt(socket_.get(), SOL_SOCKET, SO_NO_CHECK, &one, sizeof one) == 0);
  }

 private:
  static base::Bytes bytes(const std::string& text) {
    const void* const raw = text.data();
    return {static_cast<const std::uint8_t*>(raw), text.size()};
  }
  const base::FileDescriptor socket_{open_socket()};
  std::deque<std::string> lent_;

 public:
  dnsd::OutgoingBatch batch;
};

TEST_CASE("what goes to one place under one size leaves as one, and stays in order") {
  Target joined(true);
  Target single;
  Sender sender;
  const std::string a(100, 'a'), b(100, 'b'), c(60, 'c'), d(100, 'd'), e(160, 'e');

  SUBCASE("a shorter one is the last") {
    for (const auto* text : {&a, &b, &c, &d}) {
      sender.lend(joined, *text);
      sender.lend(single, *text);
    }
    sender.batch.flush();
    CHECK(joined.received() == Texts{a + b + c, d});
    CHECK(single.received() == Texts{a, b, c, d});
  }
  SUBCASE("a longer one begins anew") {
    for (const auto* text : {&c, &a, &e, &b}) sender.lend(joined, *text);
    sender.batch.flush();
    CHECK(joined.received() == Texts{c, a, e + b});
  }
  SUBCASE("what came joined goes on with others of its size") {
    sender.lend(joined, a + b, 100);
    sender.lend(joined, d);
    sender.lend(joined, b + c, 100);
    sender.lend(joined, a);
    sender.lend(joined, a + b, 50);
    sender.batch.flush();
    CHECK(joined.received() == Texts{a + b + d + b + c, a, a + b});
  }
  SUBCASE("a copy stands alone, in its turn") {
    sender.lend(joined, a);
    sender.put(joined, b);
    sender.lend(joined, d);
    sender.put(single, std::string(dnsd::OutgoingBatch::longest_put + 1, 'x'));
    sender.batch.flush();
    CHECK(joined.received() == Texts{a + d, b});
    CHECK(single.received().empty());
  }
  SUBCASE("a batch that was sent takes nothing more") {
    sender.lend(joined, a);
    sender.batch.flush();
    sender.lend(joined, b);
    sender.batch.flush();
    sender.batch.flush();
    CHECK(joined.received() == Texts{a, b});
  }
}

TEST_CASE("a full batch is sent, and none is lost") {
  Target single;
  Target joined(true);
  Sender sender;
  Texts all;
  for (std::size_t i = 0; i < 2 * dnsd::OutgoingBatch::room + 1; ++i)
    all.push_back(std::to_string(1'000 + i));
  for (const std::string& text : all) sender.lend(single, text);
  for (const std::string& text : all) sender.put(joined, text);
  sender.batch.flush();
  CHECK(single.received() == all);
  CHECK(joined.received() == all);
}

TEST_CASE("what would be longer than a datagram can be is two") {
  Target joined(true);
  Sender sender;
  const std::string text(1'452, 'x');
  for (int i = 0; i < 50; ++i) sender.lend(joined, text);
  sender.batch.flush();
  const Texts received = joined.received();
  REQUIRE(received.size() == 2);
  CHECK(received[0].size() == 45 * text.size());
  CHECK(received[1].size() == 5 * text.size());
}

TEST_CASE("what the kernel does not cut leaves one by one") {
  Target single;
  Sender sender(true);
  sender.refuse_joined();
  const std::string a(100, 'a'), b(100, 'b'), c(60, 'c');
  sender.lend(single, a);
  sender.lend(single, a + b, 100);
  sender.lend(single, c);
  sender.lend(single, b);
  sender.batch.flush();
  CHECK(single.received() == Texts{a, a, b, c, b});
}

}  // namespace
