// The least that a forwarder of WireGuard's data on Linux can do, beside which the relay is
// measured: batches of 64 from recvmmsg to sendmmsg, from the buffer that they came in. No look-up
// and no rule: the receiver index says where in a table of all routes the target stands, one line
// of memory for each (relay_scene.hpp).
//   bench_forward PORT PEERS WAYS [--gro]
// --gro: what the kernel has joined goes out joined. Bound to one address, as wg-dnsd beside it.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "tests/bench/relay_scene.hpp"

namespace {

constexpr std::size_t batch = 64;
constexpr std::size_t single_room = 9216;
constexpr std::size_t joined_room = 65536;
constexpr int queue_octets = 4 << 20;

struct alignas(cmsghdr) Control {
  std::array<unsigned char, CMSG_SPACE(sizeof(int))> octets;
};

void set_option(int socket, int level, int option, int value) {
  if (setsockopt(socket, level, option, &value, sizeof value) != 0) std::perror("setsockopt");
}

int open_socket(std::uint16_t port, bool joins) {
  const int one = socket(AF_INET, SOCK_DGRAM, 0);
  set_option(one, SOL_SOCKET, SO_RCVBUFFORCE, queue_octets);
  set_option(one, SOL_SOCKET, SO_SNDBUFFORCE, queue_octets);
  if (joins) set_option(one, IPPROTO_UDP, UDP_GRO, 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  std::memcpy(&address.sin_addr, bench::relay_address().bytes().data(), 4);
  const void* raw = &address;
  if (bind(one, static_cast<const sockaddr*>(raw), sizeof address) != 0) {
    std::perror("bind");
    std::exit(1);
  }
  return one;
}

/// Where each route leads.
class Routes {
 public:
  Routes(std::uint32_t peers, std::uint32_t count) {
    const auto ways = bench::relayed_ways(peers, count);
    for (const bench::RelayedWay& way : ways)
      sessions_ = std::max(sessions_, bench::session_of(way.index) + 1);
    targets_.resize(std::size_t{peers} * sessions_);
    for (const bench::RelayedWay& way : ways)
      targets_[place(way.index)].address.s_addr = htonl(bench::first_relayed_address + way.to);
  }
  [[nodiscard]] in_addr target(noise::SessionIndex index) const {
    return targets_[place(index)].address;
  }

 private:
  struct alignas(64) Target {
    in_addr address{};
  };
  [[nodiscard]] std::size_t place(noise::SessionIndex index) const {
    return std::size_t{bench::target_of(index)} * sessions_ + bench::session_of(index);
  }
  std::uint32_t sessions_ = 0;  // to one peer
  std::vector<Target> targets_;
};

/// Makes what was received ready to be sent.
void turn_around(msghdr& header, sockaddr_in& place, const std::uint8_t* octets,
                 const Routes& routes) {
  noise::SessionIndex index = 0;
  std::memcpy(&index, octets + 4, sizeof index);  // little-endian, as this machine
  place.sin_addr = routes.target(index);
  cmsghdr* const one = CMSG_FIRSTHDR(&header);
  if (one == nullptr || one->cmsg_level != IPPROTO_UDP) return;
  int segment = 0;
  std::memcpy(&segment, CMSG_DATA(one), sizeof segment);
  const auto size = static_cast<std::uint16_t>(segment);
  one->cmsg_type = UDP_SEGMENT;
  one->cmsg_len = CMSG_LEN(sizeof size);
  std::memcpy(CMSG_DATA(one), &size, sizeof size);
}

}  // namespace

int main(int count, char** words) {
  const bool joins = count == 5 && std::string_view(words[4]) == "--gro";
  if (count != 4 && !joins) {
    std::fputs("usage: bench_forward PORT PEERS WAYS [--gro]\n", stderr);
    return 2;
  }
  const Routes routes(static_cast<std::uint32_t>(std::atoi(words[2])),
                      static_cast<std::uint32_t>(std::atoi(words[3])));
  const int socket = open_socket(static_cast<std::uint16_t>(std::atoi(words[1])), joins);
  const std::size_t room = joins ? joined_room : single_room;
  std::vector<std::uint8_t> buffers(batch * room);
  std::array<sockaddr_in, batch> places{};
  std::array<Control, batch> controls{};
  std::array<iovec, batch> parts{};
  std::array<mmsghdr, batch> messages{};
  for (std::size_t i = 0; i < batch; ++i) parts[i].iov_base = &buffers[i * room];
  std::puts("ready");
  (void)std::fflush(stdout);
  for (;;) {
    for (std::size_t i = 0; i < batch; ++i) {
      parts[i].iov_len = room;
      messages[i].msg_hdr = {&places[i],   sizeof places[i],   &parts[i], 1,
                             &controls[i], sizeof controls[i], 0};
    }
    const int received = recvmmsg(socket, messages.data(), batch, MSG_WAITFORONE, nullptr);
    if (received <= 0) continue;
    const auto waiting = static_cast<std::size_t>(received);
    for (std::size_t i = 0; i < waiting; ++i) {
      parts[i].iov_len = messages[i].msg_len;
      turn_around(messages[i].msg_hdr, places[i], &buffers[i * room], routes);
    }
    for (std::size_t next = 0; next < waiting;) {
      const int sent = sendmmsg(socket, &messages[next], static_cast<unsigned>(waiting - next), 0);
      next += sent > 0 ? static_cast<std::size_t>(sent) : 1;
    }
  }
}
