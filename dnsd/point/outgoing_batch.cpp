#include "dnsd/point/outgoing_batch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dnsd {
namespace {

/// What the kernel cuts at once: UDP_MAX_SEGMENTS before Linux 6.9, and UDP over IPv4.
constexpr std::size_t most_joined = 64;
constexpr std::size_t most_octets = 65'507;

/// Where the latest message to a place is noted. Whoever makes places collide joins less.
std::size_t place_of(const noise::Path& path) {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), path.remote.address.padded().data(), sizeof words);
  const std::uint64_t sum = words[0] ^ (words[1] >> 7U) ^ base::to_number(path.remote.port);
  return (sum * 0x9e3779b97f4a7c15U) >> 58U;
}
static_assert(OutgoingBatch::room == 1U << (64 - 58));

/// How many datagrams these octets are. \param segment of each but the last, or nothing
std::size_t count_of(base::Bytes octets, std::size_t segment) {
  return segment == 0 ? 1 : (octets.size() + segment - 1) / segment;
}

}  // namespace

void OutgoingBatch::put(const noise::Path& path, base::Bytes datagram) {
  if (datagram.size() > longest_put) return;
  if (parts_count_ == room) flush();
  auto& copy = copies_[parts_count_];
  std::copy(datagram.begin(), datagram.end(), copy.begin());
  begin(path, base::Bytes(copy).first(datagram.size()), datagram.size(), false);
}

void OutgoingBatch::lend(const noise::Path& path, base::Bytes octets, std::size_t segment) {
  if (parts_count_ == room) flush();
  segment = std::min(segment, octets.size());
  std::uint8_t& latest = latest_[place_of(path)];
  if (latest >= messages_count_ || !fits(messages_[latest], path, octets, segment)) {
    latest = static_cast<std::uint8_t>(messages_count_);
    return begin(path, octets, segment, true);
  }
  Message& message = messages_[latest];
  const std::uint8_t part = add_part(octets);
  parts_[message.last].next = part;
  message.last = part;
  message.octets += octets.size();
  message.datagrams += static_cast<std::uint16_t>(count_of(octets, segment));
  message.is_open = octets.size() % message.segment == 0;
}

std::uint8_t OutgoingBatch::add_part(base::Bytes octets) {
  parts_[parts_count_].octets = octets;
  return static_cast<std::uint8_t>(parts_count_++);
}

void OutgoingBatch::begin(const noise::Path& path, base::Bytes octets, std::size_t segment,
                          bool is_open) {
  const std::uint8_t part = add_part(octets);
  messages_[messages_count_++] = {
      .path = path,
      .octets = octets.size(),
      .segment = segment,
      .datagrams = static_cast<std::uint16_t>(count_of(octets, segment)),
      .first = part,
      .last = part,
      .is_open = is_open && segment > 0 && octets.size() % segment == 0};
}

/// Only the last datagram of a message may be shorter than the others.
bool OutgoingBatch::fits(const Message& message, const noise::Path& path, base::Bytes octets,
                         std::size_t segment) {
  if (!message.is_open || segment == 0 || !(message.path == path)) return false;
  const bool is_one = segment == octets.size();
  return (is_one ? segment <= message.segment : segment == message.segment) &&
         message.octets + octets.size() <= most_octets &&
         message.datagrams + count_of(octets, segment) <= most_joined;
}

void OutgoingBatch::prepare(std::size_t i) {
  const Message& message = messages_[i];
  iovec* const first = &iovecs_[laid_out_];
  for (std::uint8_t part = message.first;; part = parts_[part].next) {
    const base::Bytes octets = parts_[part].octets;
    // sendmsg(2) only reads what iov_base points to.
    iovecs_[laid_out_++] = {.iov_base = const_cast<std::uint8_t*>(octets.data()),
                            .iov_len = octets.size()};
    if (part == message.last) break;
  }
  msghdr& header = headers_[i].msg_hdr;
  header = {};
  header.msg_name = &targets_[i];
  header.msg_namelen = message.path.remote.to_sockaddr(targets_[i]);
  header.msg_iov = first;
  header.msg_iovlen = static_cast<std::size_t>(&iovecs_[laid_out_ - 1] - first) + 1;
  if (is_on_all_) controls_[i].write_source(header, message.path.local);
  if (message.datagrams > 1)
    controls_[i].write_segment(header, static_cast<std::uint16_t>(message.segment));
}

void OutgoingBatch::flush() {
  laid_out_ = 0;
  for (std::size_t i = 0; i < messages_count_; ++i) prepare(i);
  for (std::size_t next = 0; next < messages_count_;) {
    const int done = ::sendmmsg(socket_, headers_.data() + next,
                                static_cast<unsigned>(messages_count_ - next), MSG_DONTWAIT);
    if (done > 0) {
      next += static_cast<std::size_t>(done);
    } else if (errno == EAGAIN) {
      break;  // the queue is full, for the rest as well
    } else {
      // This one cannot be sent: no route, a firewall, an address that went away. Or it cannot be
      // cut on this way: longer than its MTU, no checksum by the device.
      if (messages_[next].datagrams > 1) send_segments(messages_[next], headers_[next].msg_hdr);
      ++next;
    }
  }
  messages_count_ = 0;
  parts_count_ = 0;
}

/// One by one what the kernel does not cut. Rare, so it may cost a system call for each.
void OutgoingBatch::send_segments(const Message& message, msghdr header) {
  base::SegmentedPacketInfo control;
  header.msg_control = nullptr;
  header.msg_controllen = 0;
  if (is_on_all_) control.write_source(header, message.path.local);
  iovec one{};
  header.msg_iov = &one;
  header.msg_iovlen = 1;
  for (std::uint8_t part = message.first;; part = parts_[part].next) {
    base::Bytes octets = parts_[part].octets;
    while (!octets.empty()) {
      const std::size_t size = std::min(message.segment, octets.size());
      one = {.iov_base = const_cast<std::uint8_t*>(octets.data()), .iov_len = size};
      if (::sendmsg(socket_, &header, MSG_DONTWAIT) < 0 && errno == EAGAIN) return;
      octets = octets.subspan(size);
    }
    if (part == message.last) return;
  }
}

}  // namespace dnsd
