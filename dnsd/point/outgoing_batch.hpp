#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/packet_info.hpp"
#include "noise/session.hpp"

namespace dnsd {

/// Datagrams that leave together by one system call. What goes to one place under the same size
/// passes through the kernel as one (UDP_SEGMENT, udp(7)); what goes to one place stays in order.
/// One thread.
class OutgoingBatch {
 public:
  /// How many fit: of put() and lend() together.
  static constexpr std::size_t room = 64;
  static constexpr std::size_t longest_put = 2048;

  /// \param socket borrowed \param is_on_all bound to no address: each datagram names its own
  OutgoingBatch(int socket, bool is_on_all) : socket_(socket), is_on_all_(is_on_all) {}

  /// Takes a copy of a datagram. Longer than `longest_put`: drops it. A full batch is sent before.
  void put(const noise::Path& path, base::Bytes datagram);
  /// The same without a copy: `octets` stay as they are until flush(). \param segment of each
  /// datagram but the last, which may be shorter
  void lend(const noise::Path& path, base::Bytes octets, std::size_t segment);
  /// Sends all; what the kernel does not take is dropped, as a network would.
  void flush();

 private:
  /// Datagrams to one place; `parts` of them, the first and the last known, form a list.
  struct Message {
    noise::Path path;
    std::size_t octets = 0;
    std::size_t segment = 0;
    std::uint16_t datagrams = 0;
    std::uint8_t first = 0;
    std::uint8_t last = 0;
    bool is_open = false;  ///< more may join
  };
  struct Part {
    base::Bytes octets;
    std::uint8_t next = 0;
  };

  std::uint8_t add_part(base::Bytes octets);
  void begin(const noise::Path& path, base::Bytes octets, std::size_t segment, bool is_open);
  [[nodiscard]] static bool fits(const Message& message, const noise::Path& path,
                                 base::Bytes octets, std::size_t segment);
  void prepare(std::size_t i);
  void send_segments(const Message& message, msghdr header);

  const int socket_;
  const bool is_on_all_;
  std::size_t messages_count_ = 0;
  std::size_t parts_count_ = 0;
  std::size_t laid_out_ = 0;  // of iovecs_
  std::array<Message, room> messages_{};
  std::array<Part, room> parts_{};
  std::array<std::uint8_t, room> latest_{};  // by place_of(): a hint
  std::array<iovec, room> iovecs_{};
  std::array<mmsghdr, room> headers_{};
  std::array<sockaddr_storage, room> targets_{};
  std::array<base::SegmentedPacketInfo, room> controls_{};
  std::array<std::array<std::uint8_t, longest_put>, room> copies_;
};

}  // namespace dnsd
