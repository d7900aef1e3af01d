// The floor: the least work that a UDP server on Linux can do. Receives and sends in batches of 64,
// with the socket options that dnsd/listen/listen_socket.cpp sets for a socket of one address, and
// sets nothing but the answer bit. The rest of a reply is what was in the buffer.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::size_t batch = 64;
constexpr std::size_t room = 4096;

void set_option(int socket, int level, int option, int value) {
  if (setsockopt(socket, level, option, &value, sizeof value) != 0) std::perror("setsockopt");
}

int open_socket(std::uint16_t port) {
  const int one = socket(AF_INET, SOCK_DGRAM, 0);
  set_option(one, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20);
  set_option(one, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  set_option(one, SOL_SOCKET, SO_REUSEPORT, 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* raw = &address;
  if (bind(one, static_cast<const sockaddr*>(raw), sizeof address) != 0) {
    std::perror("bind");
    std::exit(1);
  }
  return one;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fputs("usage: bench_floor PORT REPLY_OCTETS\n", stderr);
    return 2;
  }
  const int socket = open_socket(static_cast<std::uint16_t>(std::atoi(words[1])));
  const std::size_t reply_octets = std::min(static_cast<std::size_t>(std::atoi(words[2])), room);

  std::vector<std::uint8_t> buffers(batch * room);
  std::array<sockaddr_in, batch> sources{};
  std::array<iovec, batch> parts{};
  std::array<mmsghdr, batch> messages{};
  for (std::size_t i = 0; i < batch; ++i) {
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &sources[i];
    parts[i].iov_base = &buffers[i * room];
  }
  for (;;) {
    for (std::size_t i = 0; i < batch; ++i) {
      parts[i].iov_len = room;
      messages[i].msg_hdr.msg_namelen = sizeof sources[i];
    }
    const int received = recvmmsg(socket, messages.data(), batch, MSG_WAITFORONE, nullptr);
    if (received <= 0) continue;
    for (std::size_t i = 0; i < static_cast<std::size_t>(received); ++i) {
      buffers[i * room + 2] |= 0x80U;
      parts[i].iov_len = reply_octets;
    }
    (void)sendmmsg(socket, messages.data(), static_cast<unsigned>(received), 0);
  }
}
