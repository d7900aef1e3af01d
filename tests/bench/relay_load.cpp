// The peers of a relay, all in one process and on one socket, each behind an address of its own:
//   bench_relay_load PEERS WAYS
// does what it reads, one command a line, and prints one line of JSON for each:
//   greet KEY PORT                     a handshake of each peer with the point
//   burst PORT OCTETS COUNT FORM       sends data of sessions drawn at random; the forwarder may be
//                                      stopped. FORM `single`: one datagram at a time; `joined`: as
//                                      many as fit in one piece, of one session, which the kernel
//                                      passes on whole where the receiver wants it (UDP_GRO)
//   take                               receives and checks what the forwarder makes of that
//   flood PORT OCTETS SECONDS FORM PER-SECOND
//                                      both at once; 0 per second: as fast as it can
//   allocate PORT                      asks a TURN server (RFC 8656), for the first peer, for a
//                                      channel to the second one. FORM `channel`: through that
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/file_descriptor.hpp"
#include "noise/engine.hpp"
#include "tests/bench/relay_scene.hpp"
#include "tests/bench/scene.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t batch = 64;
constexpr std::size_t joined_room = 65536;
/// What UDP_SEGMENT takes at most (UDP_MAX_SEGMENTS of Linux), and what fits in one datagram.
constexpr std::size_t most_segments = 64;
constexpr std::size_t most_joined_octets = 65000;
constexpr int queue_octets = 512 << 20;
constexpr int patience_milliseconds = 500;
/// wg-dnsd asks for cookies from 200 initiations in 100 ms on.
constexpr std::chrono::microseconds pace{700};
constexpr int most_tries = 3;  // of a handshake

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "bench_relay_load: {}\n", message);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

struct alignas(cmsghdr) Control {
  std::array<unsigned char, CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(int))> octets{};
};

/// The socket of all peers: sends from the address of each, and tells which one was reached.
class Socket {
 public:
  Socket() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(bench::relayed_port);
    const void* raw = &address;
    if (!set(SOL_SOCKET, SO_RCVBUFFORCE, queue_octets) ||
        !set(SOL_SOCKET, SO_SNDBUFFORCE, queue_octets) || !set(IPPROTO_IP, IP_PKTINFO, 1) ||
        !set(IPPROTO_UDP, UDP_GRO, 1) ||
        ::bind(socket_.get(), static_cast<const sockaddr*>(raw), sizeof address) != 0)
      fail("no socket");
    for (std::size_t i = 0; i < batch; ++i) {
      parts_[i].iov_base = &octets_[i * joined_room];
      out_[i].msg_hdr.msg_iov = &out_parts_[i];
      out_[i].msg_hdr.msg_iovlen = 1;
      out_[i].msg_hdr.msg_name = &to_;
      out_[i].msg_hdr.msg_namelen = sizeof to_;
    }
  }

  void set_target(std::uint16_t port) {
    to_.sin_family = AF_INET;
    to_.sin_port = htons(port);
    std::memcpy(&to_.sin_addr, bench::relay_address().bytes().data(), 4);
  }

  /// Puts one piece into the outgoing batch. \param octets borrowed until it is sent
  /// \param segment the size of each datagram in it; 0: it is one
  void put(std::uint32_t from, base::Bytes octets, std::uint16_t segment) {
    if (waiting_ == batch) flush();
    const std::size_t i = waiting_++;
    out_parts_[i] = {const_cast<std::uint8_t*>(octets.data()), octets.size()};
    msghdr& header = out_[i].msg_hdr;
    header.msg_control = &out_controls_[i];
    header.msg_controllen = CMSG_SPACE(sizeof(in_pktinfo)) + (segment == 0 ? 0 : CMSG_SPACE(2));
    cmsghdr* one = CMSG_FIRSTHDR(&header);
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(bench::first_relayed_address + from);
    write(*one, IPPROTO_IP, IP_PKTINFO, info);
    if (segment != 0) write(*CMSG_NXTHDR(&header, one), IPPROTO_UDP, UDP_SEGMENT, segment);
  }
  void flush() {
    for (std::size_t next = 0; next < waiting_;) {
      const int sent =
          ::sendmmsg(socket_.get(), &out_[next], static_cast<unsigned>(waiting_ - next), 0);
      if (sent <= 0) fail(fmt::format("sendmmsg: {}", std::strerror(errno)));
      next += static_cast<std::size_t>(sent);
    }
    waiting_ = 0;
  }
  [[nodiscard]] bool is_full() const { return waiting_ == batch; }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

  /// Gives `take` each datagram that waits, and the peer that it was sent to. \param milliseconds
  /// to wait for the first one. \return whether there was one
  template <typename Take>
  bool receive(int milliseconds, Take take) {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, milliseconds) <= 0) return false;
    for (std::size_t i = 0; i < batch; ++i) {
      parts_[i].iov_len = joined_room;
      in_[i].msg_hdr = {&sources_[i],  sizeof sources_[i],  &parts_[i], 1,
                        &controls_[i], sizeof controls_[i], 0};
    }
    const int count = ::recvmmsg(socket_.get(), in_.data(), batch, MSG_DONTWAIT, nullptr);
    for (std::size_t i = 0; count > 0 && i < static_cast<std::size_t>(count); ++i) {
      in_pktinfo info{};
      int segment = 0;
      msghdr& header = in_[i].msg_hdr;
      for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
        if (one->cmsg_level == IPPROTO_IP) std::memcpy(&info, CMSG_DATA(one), sizeof info);
        if (one->cmsg_level == IPPROTO_UDP) std::memcpy(&segment, CMSG_DATA(one), sizeof segment);
      }
      const std::uint32_t peer = ntohl(info.ipi_addr.s_addr) - bench::first_relayed_address;
      const base::MutableBytes all(&octets_[i * joined_room], in_[i].msg_len);
      const std::size_t size = segment > 0 ? static_cast<std::size_t>(segment) : all.size();
      if (all.empty() || std::memcmp(&sources_[i].sin_addr, &to_.sin_addr, 4) != 0) continue;
      for (std::size_t at = 0; at < all.size(); at += size)
        take(peer, all.subspan(at, std::min(size, all.size() - at)));
    }
    return count > 0;
  }

 private:
  [[nodiscard]] bool set(int level, int option, int value) {
    return ::setsockopt(socket_.get(), level, option, &value, sizeof value) == 0;
  }
  template <typename T>
  static void write(cmsghdr& message, int level, int type, const T& value) {
    message.cmsg_level = level;
    message.cmsg_type = type;
    message.cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(&message), &value, sizeof value);
  }

  base::FileDescriptor socket_;
  sockaddr_in to_{};
  std::vector<std::uint8_t> octets_ = std::vector<std::uint8_t>(batch * joined_room);
  std::array<sockaddr_in, batch> sources_{};
  std::array<Control, batch> controls_{};
  std::array<iovec, batch> parts_{};
  std::array<mmsghdr, batch> in_{};
  std::size_t waiting_ = 0;
  std::array<Control, batch> out_controls_{};
  std::array<iovec, batch> out_parts_{};
  std::array<mmsghdr, batch> out_{};
};

/// One peer's own session with the point.
class Peer : public noise::Engine::Handler {
 public:
  Peer(Socket& socket, std::uint32_t number, const wg::PublicKey& point)
      : socket_(socket),
        number_(number),
        engine(noise::KeyPair(bench::key_of_relayed(number)), *this,
               {.answers_keepalives = false}) {
    engine.add_peer(point, {});
  }
  void send(const noise::Path& /*path*/, base::Bytes datagram) override {
    socket_.put(number_, datagram, 0);
    socket_.flush();
  }
  void received(const wg::PublicKey& /*peer*/, const noise::Received& received) override {
    is_answered = is_answered || received.kind == noise::Received::Kind::response;
  }
  void inner(const wg::PublicKey& /*peer*/, base::Bytes /*packet*/) override {}
  void unknown_session(const noise::Path& /*path*/) override {}
  void clock_behind(const wg::PublicKey& /*peer*/, std::chrono::seconds /*by*/) override {}

 private:
  Socket& socket_;
  const std::uint32_t number_;

 public:
  noise::Engine engine;
  bool is_answered = false;
};

class Load {
 public:
  Load(std::uint32_t peers, std::uint32_t ways)
      : peers_(peers), ways_(bench::relayed_ways(peers, ways)) {}

  std::string run(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "greet") {
      std::string key;
      std::uint16_t port = 0;
      words >> key >> port;
      const auto point = wg::PublicKey::parse(key);
      if (!words || !point) fail(line);
      return greet(*point, port);
    }
    if (what == "take") return take();
    std::uint16_t port = 0;
    if (what == "allocate") {
      words >> port;
      if (!words) fail(line);
      socket_.set_target(port);
      return allocate();
    }
    std::string form;
    std::size_t count = 0;
    double seconds = 0;
    words >> port >> octets_;
    what == "burst" ? words >> count : words >> seconds;
    words >> form;
    double per_second = 0;
    if (what == "flood") words >> per_second;
    joins_ = form == "joined";
    channels_ = form == "channel";
    if (!words || octets_ < 32 || (what != "burst" && what != "flood") ||
        (!joins_ && !channels_ && form != "single"))
      fail(line);
    socket_.set_target(port);
    return what == "burst" ? burst(count) : flood(seconds, per_second);
  }

 private:
  std::string greet(const wg::PublicKey& point, std::uint16_t port) {
    socket_.set_target(port);
    const noise::Path path{{bench::relay_address(), base::Port{port}}, {}};
    std::vector<std::unique_ptr<Peer>> peers(peers_);
    for (std::uint32_t i = 0; i < peers_; ++i) peers[i] = std::make_unique<Peer>(socket_, i, point);
    const auto take_answers = [&](int milliseconds) {
      return socket_.receive(milliseconds, [&](std::uint32_t to, base::MutableBytes datagram) {
        if (to < peers_) peers[to]->engine.receive(datagram, path, base::read_clock());
      });
    };
    std::size_t greeted = 0;
    for (int round = 0; round < most_tries && greeted < peers_; ++round) {
      Clock::time_point due = Clock::now();
      for (const auto& peer : peers) {
        if (peer->is_answered) continue;
        (void)peer->engine.initiate(point, path, 1, base::read_clock());
        (void)take_answers(0);
        std::this_thread::sleep_until(due += pace);
      }
      while (take_answers(patience_milliseconds)) {
      }
      greeted = 0;
      for (const auto& peer : peers) greeted += peer->is_answered ? 1U : 0U;
    }
    return fmt::format("{{\"greeted\": {}}}", greeted);
  }

  /// Writes one datagram of a session. Its number is in it twice, so that a mixed one shows.
  void write(const bench::RelayedWay& way, base::MutableBytes out) {
    noise::write_data_header(way.index, next_number_, out.first(noise::data_header_octets));
    std::memcpy(&out[out.size() - sizeof next_number_], &next_number_, sizeof next_number_);
    sum_ += next_number_++;
  }

  /// Asks once, and once more if nothing came. \return whether the answer was a success
  bool ask_turn_server(const std::vector<std::uint8_t>& request, std::uint8_t success) {
    bool is_done = false;
    for (int i = 0; i < most_tries && !is_done; ++i) {
      socket_.put(0, request, 0);
      socket_.flush();
      (void)socket_.receive(patience_milliseconds, [&](std::uint32_t to, base::MutableBytes reply) {
        is_done |= to == 0 && reply.size() >= 20 && reply[0] == 1 && reply[1] == success;
      });
    }
    return is_done;
  }
  std::string allocate() {
    // Allocate with REQUESTED-TRANSPORT: UDP; ChannelBind with CHANNEL-NUMBER and XOR-PEER-ADDRESS.
    std::vector<std::uint8_t> request = {0, 3, 0, 8,  0x21, 0x12, 0xa4, 0x42, 1, 2, 3,  4, 5, 6,
                                         7, 8, 9, 10, 11,   12,   0,    0x19, 0, 4, 17, 0, 0, 0};
    if (!ask_turn_server(request, 3)) fail("no allocation");
    const std::uint32_t address = (bench::first_relayed_address + 1) ^ 0x2112a442U;
    const std::uint16_t port = bench::relayed_port ^ 0x2112U;
    request = {0,  9,  0,  20, 0x21, 0x12, 0xa4, 0x42, 2, 2, 3, 4, 5,    6, 7, 8, 9,
               10, 11, 12, 0,  0x0c, 0,    4,    0x40, 0, 0, 0, 0, 0x12, 0, 8, 0, 1};
    for (const unsigned shift : {8U, 0U})
      request.push_back(static_cast<std::uint8_t>(port >> shift));
    for (const unsigned shift : {24U, 16U, 8U, 0U})
      request.push_back(static_cast<std::uint8_t>(address >> shift));
    if (!ask_turn_server(request, 9)) fail("no channel");
    return "{}";
  }

  /// One datagram through the channel of the first peer.
  std::size_t put_through_channel() {
    if (socket_.is_full()) socket_.flush();
    const auto room =
        base::MutableBytes(pieces_).subspan(socket_.waiting() * joined_room, octets_ + 4);
    room[0] = 0x40;
    room[1] = 0;
    room[2] = static_cast<std::uint8_t>(octets_ >> 8U);
    room[3] = static_cast<std::uint8_t>(octets_);
    write(ways_.front(), room.subspan(4));
    socket_.put(0, room, 0);
    return 1;
  }

  /// Puts one piece into its place in the outgoing batch. \return datagrams in it
  std::size_t put_one() {
    if (channels_) return put_through_channel();
    const bench::RelayedWay& way = ways_[draw_.below(ways_.size())];
    const std::size_t count = joins_ ? std::min(most_segments, most_joined_octets / octets_) : 1;
    if (socket_.is_full()) socket_.flush();
    const auto room =
        base::MutableBytes(pieces_).subspan(socket_.waiting() * joined_room, count * octets_);
    for (std::size_t i = 0; i < count; ++i) write(way, room.subspan(i * octets_, octets_));
    socket_.put(way.from, room, static_cast<std::uint16_t>(joins_ ? octets_ : 0));
    return count;
  }

  std::string burst(std::size_t count) {
    sent_ = sum_ = 0;
    while (sent_ < count) sent_ += put_one();
    socket_.flush();
    return fmt::format("{{\"sent\": {}}}", sent_);
  }

  /// Counts and checks what waits. \return whether anything did
  bool take_some(int milliseconds) {
    return socket_.receive(milliseconds, [&](std::uint32_t to, base::MutableBytes datagram) {
      if (datagram[0] != 4) return;  // the point greets
      std::uint64_t number = 0;
      std::uint64_t again = 0;
      noise::SessionIndex index = 0;
      if (datagram.size() == octets_) {
        std::memcpy(&index, &datagram[4], sizeof index);
        std::memcpy(&number, &datagram[8], sizeof number);
        std::memcpy(&again, &datagram[octets_ - sizeof again], sizeof again);
      }
      const bool is_right =
          number == again && datagram.size() == octets_ && bench::target_of(index) == to;
      ++(is_right ? received_ : wrong_);
      taken_sum_ += number;
    });
  }

  std::string take() {
    received_ = wrong_ = taken_sum_ = 0;
    while (received_ + wrong_ < sent_ && take_some(patience_milliseconds)) {
    }
    // All of them arrived, and each once.
    if (received_ == sent_ && taken_sum_ != sum_) ++wrong_;
    return fmt::format("{{\"received\": {}, \"wrong\": {}}}", received_, wrong_);
  }

  std::string flood(double seconds, double per_second) {
    received_ = wrong_ = sent_ = 0;
    const Clock::time_point start = Clock::now();
    std::chrono::duration<double> taken{};
    while (taken.count() < seconds) {
      const double due = per_second > 0 ? per_second * taken.count() : 1e18;
      for (std::size_t i = 0; i < batch && static_cast<double>(sent_) < due; ++i)
        sent_ += put_one();
      socket_.flush();
      (void)take_some(per_second > 0 ? 1 : 0);
      taken = Clock::now() - start;
    }
    while (take_some(patience_milliseconds)) {
    }
    return fmt::format("{{\"sent\": {}, \"received\": {}, \"wrong\": {}, \"seconds\": {:.3f}}}",
                       sent_, received_, wrong_, taken.count());
  }

  const std::uint32_t peers_;
  const std::vector<bench::RelayedWay> ways_;
  Socket socket_;
  bench::Draw draw_{1};
  std::vector<std::uint8_t> pieces_ = std::vector<std::uint8_t>(batch * joined_room);
  std::size_t octets_ = 0;
  bool joins_ = false;
  bool channels_ = false;
  std::uint64_t next_number_ = 1;
  std::uint64_t sent_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t wrong_ = 0;
  std::uint64_t taken_sum_ = 0;
};

}  // namespace

int main(int count, char** words) {
  if (count != 3) fail("usage: bench_relay_load PEERS WAYS");
  const auto peers = static_cast<std::uint32_t>(std::strtoul(words[1], nullptr, 10));
  const auto ways = static_cast<std::uint32_t>(std::strtoul(words[2], nullptr, 10));
  if (peers < 2 || peers % 2 != 0 || peers > bench::max_relayed_peers)
    fail(fmt::format("{} peers: an even number of 2 to {} would be right", peers,
                     bench::max_relayed_peers));
  Load load(peers, ways);
  std::string line;
  while (std::getline(std::cin, line)) {
    fmt::print("{}\n", load.run(line));
    (void)std::fflush(stdout);
  }
  return 0;
}
