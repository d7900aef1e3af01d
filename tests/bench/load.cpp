// Asks as fast as a server answers, from many source ports, and checks every answer: id, question,
// rcode and the number of answers. Asks over UDP; in the mix `tcp` it asks the questions of `srv`
// over as many connections. Prints one line of JSON.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bench/scene.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t batch = 64;
constexpr std::size_t reply_room = 2048;
constexpr std::size_t stream_room = batch * (2 + reply_room);
constexpr std::chrono::milliseconds patience{200};
/// What a socket with the system's default buffer (net.core.rmem_default, 208 KiB) holds. Knot has
/// no option for the size. The kernel counts about 800 octets for each datagram. With four times as
/// many, 4 % were lost, and every loss held a source port for `patience`.
constexpr std::size_t default_window = 256;

struct Options {
  std::uint16_t port = 5300;
  std::string mix = "srv";
  std::uint64_t peers = 10000;
  unsigned sockets = 16;
  std::uint64_t window = default_window;  // datagrams under way, of all sockets together
  double seconds = 2;
  std::uint64_t seed = 1;
  bool shares_core = false;
  bool is_floor = false;  // the reply is an echo: only id and question are checked
};

struct Count {
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
  std::uint64_t reply_octets = 0;
};

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int connect_to(std::uint16_t port, int type) {
  const int one = socket(AF_INET, type, 0);
  const sockaddr_in address = address_of(port);
  const void* raw = &address;
  const int octets = 1 << 20;
  if (one < 0 || setsockopt(one, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) != 0 ||
      connect(one, static_cast<const sockaddr*>(raw), sizeof address) != 0) {
    std::perror("socket");
    std::exit(1);
  }
  return one;
}

/// One source port. Each batch of questions is answered, or lost, before the next one is sent.
class Asker {
 public:
  Asker(int socket, bool is_stream, bench::Questions& questions, bool is_floor)
      : socket_(socket), is_stream_(is_stream), questions_(questions), is_floor_(is_floor) {
    if (is_stream) stream_.resize(stream_room);
  }

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] bool is_idle() const { return outstanding_ == 0; }
  /// A connection loses nothing.
  [[nodiscard]] bool is_late(Clock::time_point now) const {
    return !is_stream_ && now - sent_ > patience;
  }

  void give_up(Count& count) {
    count.lost += outstanding_;
    outstanding_ = 0;
  }

  void ask(Count& count, Clock::time_point now) {
    ++generation_;
    for (std::size_t i = 0; i < batch; ++i) {
      Question& question = asked_[i];
      question.is_open = true;
      question.size = questions_.write(id(i), question.octets, question.expected);
    }
    is_stream_ ? send_stream() : send_datagrams();
    outstanding_ = batch;
    count.asked += batch;
    sent_ = now;
  }

  void take_answers(Count& count) { is_stream_ ? take_stream(count) : take_datagrams(count); }

 private:
  struct Question {
    std::array<std::uint8_t, bench::Questions::room> octets;
    std::size_t size = 0;
    bench::Expected expected;
    bool is_open = false;
  };

  [[nodiscard]] std::uint16_t id(std::size_t i) const {
    return static_cast<std::uint16_t>(generation_ * batch + i);
  }

  /// Datagrams of one length go out in one system call (UDP_SEGMENT): the load must be cheaper than
  /// the server that it measures.
  void send_datagrams() {
    for (std::size_t i = 0; i < batch; ++i) order_[i] = i;
    std::stable_sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
      return asked_[a].size < asked_[b].size;
    });
    for (std::size_t first = 0; first < batch;) {
      std::size_t last = first;
      const std::size_t size = asked_[order_[first]].size;
      std::array<iovec, batch> parts{};
      for (; last < batch && asked_[order_[last]].size == size; ++last)
        parts[last - first] = {.iov_base = asked_[order_[last]].octets.data(), .iov_len = size};
      send(parts.data(), last - first, static_cast<std::uint16_t>(size));
      first = last;
    }
  }

  void send_stream() const {
    std::vector<std::uint8_t> out;
    for (const Question& question : asked_) {
      out.push_back(static_cast<std::uint8_t>(question.size >> 8U));
      out.push_back(static_cast<std::uint8_t>(question.size));
      out.insert(out.end(), question.octets.begin(),
                 question.octets.begin() + static_cast<std::ptrdiff_t>(question.size));
    }
    // All earlier questions were answered, so a batch always fits into the socket's buffer.
    if (::send(socket_, out.data(), out.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out.size())) {
      std::perror("send");
      std::exit(1);
    }
  }

  void take_stream(Count& count) {
    const ssize_t received =
        recv(socket_, stream_.data() + filled_, stream_.size() - filled_, MSG_DONTWAIT);
    if (received == 0) {
      std::fputs("the server closed a connection\n", stderr);
      std::exit(1);
    }
    if (received < 0) return;
    // A server with Nagle's algorithm sends more only after our acknowledgement. Acknowledge at
    // once, not after 40 ms.
    const int one = 1;
    (void)setsockopt(socket_, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
    filled_ += static_cast<std::size_t>(received);
    std::size_t at = 0;
    for (std::size_t size = 0; filled_ - at >= 2; at += 2 + size) {
      size = (static_cast<std::size_t>(stream_[at]) << 8U) | stream_[at + 1];
      if (filled_ - at - 2 < size) break;
      judge(base::Bytes(stream_).subspan(at + 2, size), count);
    }
    std::memmove(stream_.data(), stream_.data() + at, filled_ - at);
    filled_ -= at;
  }

  void take_datagrams(Count& count) {
    std::array<iovec, batch> parts;
    std::array<mmsghdr, batch> messages{};
    for (std::size_t i = 0; i < batch; ++i) {
      parts[i] = {.iov_base = replies_[i].data(), .iov_len = reply_room};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int received = recvmmsg(socket_, messages.data(), batch, MSG_DONTWAIT, nullptr);
    for (std::size_t i = 0; received > 0 && i < static_cast<std::size_t>(received); ++i)
      judge(base::Bytes(replies_[i]).first(messages[i].msg_len), count);
  }

  void send(iovec* parts, std::size_t count, std::uint16_t size) const {
    alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(sizeof size)> control{};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* segment = CMSG_FIRSTHDR(&message);
    segment->cmsg_level = SOL_UDP;
    segment->cmsg_type = UDP_SEGMENT;
    segment->cmsg_len = CMSG_LEN(sizeof size);
    std::memcpy(CMSG_DATA(segment), &size, sizeof size);
    if (sendmsg(socket_, &message, 0) < 0) std::perror("sendmsg");
  }

  void judge(base::Bytes reply, Count& count) {
    if (reply.size() < 12) {
      ++count.wrong;
      return;
    }
    const auto number = static_cast<std::uint16_t>((reply[0] << 8U) | reply[1]);
    const auto index = static_cast<std::uint16_t>(number - generation_ * batch);
    if (index >= batch || !asked_[index].is_open) return;  // late: it was counted as lost
    Question& question = asked_[index];
    question.is_open = false;
    --outstanding_;
    ++count.answered;
    count.reply_octets += reply.size();
    // The question ends behind the name's root label, four octets later.
    std::size_t end = 12;
    while (question.octets[end] != 0) end += std::size_t{1} + question.octets[end];
    end += 5;
    const bool echoed =
        reply.size() >= end &&
        std::equal(reply.begin() + 12, reply.begin() + static_cast<std::ptrdiff_t>(end),
                   question.octets.begin() + 12);
    const bool right = (reply[2] & 0x80U) != 0 && (reply[2] & 0x02U) == 0 &&
                       (reply[3] & 0x0fU) == static_cast<unsigned>(question.expected.rcode) &&
                       ((reply[6] << 8U) | reply[7]) == question.expected.answers;
    if (!echoed || !(right || is_floor_)) ++count.wrong;
  }

  const int socket_;
  const bool is_stream_;
  bench::Questions& questions_;
  const bool is_floor_;
  std::uint64_t generation_ = 0;
  std::size_t outstanding_ = 0;
  Clock::time_point sent_{};
  std::array<Question, batch> asked_{};
  std::array<std::size_t, batch> order_{};
  std::array<std::array<std::uint8_t, reply_room>, batch> replies_{};
  std::vector<std::uint8_t> stream_;  // connections: the first `filled_` octets are valid
  std::size_t filled_ = 0;
};

/// Asks once with the client's cookie, and keeps the server's cookie from the answer.
void learn_cookie(const Options& options, bench::Questions& questions) {
  bench::Questions judged(bench::Mix::judged, options.peers, 1);
  const int one = connect_to(options.port, SOCK_DGRAM);
  std::array<std::uint8_t, bench::Questions::room> query{};
  std::array<std::uint8_t, reply_room> reply{};
  for (int i = 0; i < 64; ++i) {
    bench::Expected expected;
    const std::size_t size = judged.write(1, query, expected);
    if (query[11] == 0) continue;  // no OPT
    (void)!send(one, query.data(), size, 0);
    pollfd wait{one, POLLIN, 0};
    if (poll(&wait, 1, 1000) != 1) continue;
    const ssize_t received = recv(one, reply.data(), reply.size(), 0);
    if (received < 28) continue;
    // The cookie is the only option that we ask for, so it is at the end.
    const base::Bytes cookie =
        base::Bytes(reply).first(static_cast<std::size_t>(received)).last(24);
    if (!std::equal(cookie.begin(), cookie.begin() + 8, judged.client_cookie().begin())) continue;
    questions.set_cookie(cookie);
    return;
  }
  // For a server without cookies: octets of the right length.
  std::vector<std::uint8_t> made(24, 7);
  std::copy(judged.client_cookie().begin(), judged.client_cookie().end(), made.begin());
  questions.set_cookie(made);
}

Count run(const Options& options) {
  const bool is_tcp = options.mix == "tcp";
  bench::Questions questions(is_tcp ? bench::Mix::srv : *bench::parse_mix(options.mix),
                             options.peers, options.seed);
  if (options.mix == "judged") learn_cookie(options, questions);
  std::vector<Asker> askers;
  std::vector<pollfd> waits;
  for (unsigned i = 0; i < options.sockets; ++i) {
    askers.emplace_back(connect_to(options.port, is_tcp ? SOCK_STREAM : SOCK_DGRAM | SOCK_NONBLOCK),
                        is_tcp, questions, options.is_floor);
    waits.push_back({askers.back().socket(), POLLIN, 0});
  }
  Count count;
  const auto has_room = [&] {
    return is_tcp || count.asked - count.answered - count.lost + batch <= options.window;
  };
  std::size_t turn = 0;  // the next one to ask, so that all source ports ask equally often
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(options.seconds));
  for (Clock::time_point now = Clock::now(); now < end; now = Clock::now()) {
    const std::uint64_t before = count.answered + count.asked;
    for (Asker& asker : askers) {
      if (!asker.is_idle()) asker.take_answers(count);
      if (!asker.is_idle() && asker.is_late(now)) asker.give_up(count);
    }
    for (std::size_t i = 0; i < askers.size() && has_room(); ++i) {
      Asker& asker = askers[turn];
      turn = (turn + 1) % askers.size();
      if (asker.is_idle()) asker.ask(count, now);
    }
    if (count.answered + count.asked == before) (void)poll(waits.data(), waits.size(), 10);
  }
  return count;
}

/// Gives the load priority over everything else on the machine, if that is allowed (CAP_SYS_NICE).
/// With few datagrams under way, a load that waits for its core leaves the server idle.
void go_first() {
  const sched_param priority{.sched_priority = 1};
  (void)sched_setscheduler(0, SCHED_FIFO, &priority);
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app("Load with checked answers");
  app.add_option("--port", options.port, "of 127.0.0.1");
  app.add_option("--peers", options.peers);
  app.add_option("--mix", options.mix)->check(CLI::IsMember({"srv", "judged", "tcp"}));
  app.add_option("--sockets", options.sockets);
  app.add_option("--window", options.window, "datagrams under way, a batch of 64 at least")
      ->check(CLI::Range(batch, std::size_t{1} << 20U));
  app.add_option("--seconds", options.seconds);
  app.add_option("--seed", options.seed);
  app.add_flag("--shares-core", options.shares_core, "with the server: do not go first");
  app.add_flag("--floor", options.is_floor, "replies are echoes");
  CLI11_PARSE(app, count, words);
  if (!options.shares_core) go_first();
  const Count result = run(options);
  std::printf(
      "{\"asked\": %llu, \"answered\": %llu, \"lost\": %llu, \"wrong\": %llu, \"reply_octets\": "
      "%.0f}\n",
      static_cast<unsigned long long>(result.asked),
      static_cast<unsigned long long>(result.answered),
      static_cast<unsigned long long>(result.lost), static_cast<unsigned long long>(result.wrong),
      result.answered == 0
          ? 0.0
          : static_cast<double>(result.reply_octets) / static_cast<double>(result.answered));
  return 0;
}
