#include "dnsd/point/point_socket.hpp"

#include <doctest/doctest.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <numeric>
#include <string>
#include <vector>

#include "dnsd/point/outgoing_batch.hpp"
#include "noise/message.hpp"

// What comes joined over the kernel's loopback, and how it is told apart.

namespace {

using Sizes = std::vector<std::size_t>;

/// Transport data under a session index.
std::string data(char session, std::size_t size = 40) {
  std::string datagram(size, 'x');
  datagram.replace(0, 8, std::string("\x04\0\0\0", 4) + std::string(4, session));
  return datagram;
}

class Scene {
 public:
  Scene() : point_(open()) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    void* const raw = &address;
    REQUIRE(::getsockname(point_.fd(), static_cast<sockaddr*>(raw), &size) == 0);
    path_ = {*base::Endpoint::from_sockaddr(address), *base::IpAddress::parse("127.0.0.1")};
    sender_ = base::FileDescriptor(::socket(AF_INET, SOCK_DGRAM, 0));
    REQUIRE(::connect(sender_.get(), static_cast<sockaddr*>(raw), size) == 0);
  }

  /// As one, which the kernel cuts into datagrams of `segment` octets where it has to.
  void send(const std::string& octets, std::size_t segment = 40) {
    REQUIRE(::setsockopt(sender_.get(), SOL_UDP, UDP_SEGMENT, &(value_ = static_cast<int>(segment)),
                         sizeof value_) == 0);
    REQUIRE(::send(sender_.get(), octets.data(), octets.size(), 0) ==
            static_cast<ssize_t>(octets.size()));
  }
  /// Of one batch: how long each arrival is.
  [[nodiscard]] Sizes receive() {
    Sizes sizes;
    for (const PointSocket::Arrival& arrival : point_.receive()) {
      sizes.push_back(arrival.octets.size());
      datagrams_ += arrival.datagrams();
    }
    return sizes;
  }
  [[nodiscard]] bool has_more() const { return point_.has_more(); }
  [[nodiscard]] std::size_t datagrams() const { return datagrams_; }

 private:
  using PointSocket = dnsd::PointSocket;
  static PointSocket open() {
    auto opened = PointSocket::open({*base::IpAddress::parse("127.0.0.1"), base::Port{0}});
    REQUIRE(opened);
    return std::move(*opened);
  }
  PointSocket point_;
  base::FileDescriptor sender_;
  noise::Path path_;
  int value_ = 0;
  std::size_t datagrams_ = 0;
};

TEST_CASE("what came joined is parted where the session changes") {
  Scene scene;
  scene.send(data('a') + data('a') + data('b') + data('a') + data('a') + data('a', 33));
  CHECK(scene.receive() == Sizes{80, 40, 113});
  // Shorter than any transport data: it has no session to compare.
  scene.send(data('a') + data('a') + data('a', 31));
  CHECK(scene.receive() == Sizes{80, 31});
  scene.send(data('a', 31) + data('a', 31) + data('a', 31), 31);
  CHECK(scene.receive() == Sizes{31, 31, 31});
  CHECK(scene.datagrams() == 12);
}

TEST_CASE("messages of handshakes that came joined are parted") {
  Scene scene;
  std::string initiation = data('a', 148);
  initiation[0] = '\x01';
  scene.send(initiation + initiation, initiation.size());
  CHECK(scene.receive() == Sizes{148, 148});
}

TEST_CASE("nothing is left behind when batches become shorter, and longer again") {
  Scene scene;
  const auto receive_all = [&] {
    Sizes batches;
    do batches.push_back(scene.receive().size());
    while (scene.has_more());
    return batches;
  };
  for (int i = 0; i < 70; ++i) scene.send(data('a') + data('a'));
  CHECK(receive_all() == Sizes{64, 6});
  for (int i = 0; i < 70; ++i) scene.send(data('a') + data('a'));
  CHECK(receive_all() == Sizes{16, 16, 16, 16, 6});
  for (int i = 0; i < 70; ++i) scene.send(data('a'));
  CHECK(receive_all() == Sizes{16, 54});
  CHECK(scene.datagrams() == 350);
}

}  // namespace
