// One UDP socket of one answer thread: receive a batch, answer it, send the replies. Buffers holds
// the memory of a batch and makes the replies; UdpServer decides when the socket has its turn.
// Everything runs on the answer thread. Sockets are opened in listen/listen_socket, and answers are
// made in answer/responder.
#include "dnsd/serve/udp_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <cerrno>
#include <optional>
#include <span>

#include "base/packet_info.hpp"

namespace dnsd {
namespace {

/// Datagrams per system call. More than 64 gains nothing measurable.
constexpr std::size_t batch_size = 64;
/// Batches per wake-up, so that one busy socket does not keep its thread from the others.
constexpr int batches_per_turn = 4;
/// Queries that are read before the first of them is answered: about as many cache misses as a
/// processor waits for at the same time.
constexpr std::size_t group_size = 16;
/// No datagram is larger (RFC 768), so none is ever cut short. The odd remainder spreads the
/// buffers over the cache's sets; pages that no large query touches cost nothing.
constexpr std::size_t query_stride = 65536 + 192;

/// Port 0 cannot be replied to: a forgery.
bool has_port(const base::Endpoint& source) {
  return base::to_number(source.port) != 0;
}

}  // namespace

class UdpBatch::Buffers {
 public:
  Buffers() : queries_(std::make_unique_for_overwrite<std::uint8_t[]>(batch_size * query_stride)) {
    for (std::size_t i = 0; i < batch_size; ++i) {
      query_parts_[i] = {.iov_base = query(i).data(), .iov_len = query_stride};
      received_[i].msg_hdr.msg_name = &sources_[i];
      received_[i].msg_hdr.msg_iov = &query_parts_[i];
      received_[i].msg_hdr.msg_iovlen = 1;
      received_[i].msg_hdr.msg_control = &asked_[i];
      offer(i);
    }
  }

  /// \return datagrams received; 0: none is waiting.
  std::size_t receive(int socket) {
    const int count = ::recvmmsg(socket, received_.data(), batch_size, MSG_DONTWAIT, nullptr);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }

  /// Makes the replies to the first `count` received datagrams. \return how many there are to send.
  std::size_t answer(std::size_t count, const Responder& responder, const Listener& listener,
                     const LoopGuard& guard, QueryLog& log) {
    if (count == 0) return 0;
    const base::Now now = base::read_clock();  // one for the batch
    const Responder::Snapshot snapshot = responder.now();
    std::size_t replies = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (i % group_size == 0) read_group(i, std::min(i + group_size, count), snapshot);
      msghdr& query_header = received_[i].msg_hdr;
      msghdr& reply_header = to_send_[replies].msg_hdr;
      reply_header = {};
      const auto source = base::Endpoint::from_sockaddr(sources_[i]);
      if (!source || !has_port(*source) || guard.rejects(*source, sources_[i]) ||
          !reply_sources_[replies].write_reply_source(query_header, reply_header)) {
        continue;
      }
      const std::size_t size = snapshot.respond(readings_[i % group_size], listener,
                                                {source->address, now}, replies_[replies]);
      log.note(received(i), base::Bytes(replies_[replies]).first(size), listener, source->address,
               now.steady);
      if (size == 0) continue;
      reply_parts_[replies] = {.iov_base = replies_[replies].data(), .iov_len = size};
      reply_header.msg_name = query_header.msg_name;
      reply_header.msg_namelen = query_header.msg_namelen;
      reply_header.msg_iov = &reply_parts_[replies];
      reply_header.msg_iovlen = 1;
      ++replies;
    }
    for (std::size_t i = 0; i < count; ++i) offer(i);
    return replies;
  }

  /// \return how many of the first `count` replies the kernel took.
  std::size_t send(int socket, std::size_t count) {
    std::size_t sent = 0;
    for (std::size_t next = 0; next < count;) {
      const int done = ::sendmmsg(socket, to_send_.data() + next,
                                  static_cast<unsigned>(count - next), MSG_DONTWAIT);
      if (done > 0) {
        next += static_cast<std::size_t>(done);
        sent += static_cast<std::size_t>(done);
      } else if (errno == EAGAIN) {
        break;  // the queue is full, for the rest as well
      } else {
        ++next;  // this one cannot be sent: no route, a firewall
      }
    }
    return sent;
  }

 private:
  /// Tells the kernel how much room there is; it overwrites that with what it used.
  void offer(std::size_t i) {
    received_[i].msg_hdr.msg_namelen = sizeof sources_[i];
    received_[i].msg_hdr.msg_controllen = sizeof asked_[i];
  }

  /// The queries from `first` to before `last`.
  void read_group(std::size_t first, std::size_t last, const Responder::Snapshot& snapshot) {
    const auto group = std::span(readings_).first(last - first);
    for (std::size_t i = first; i < last; ++i) {
      group[i - first] = snapshot.read(received(i));
      snapshot.prefetch_bucket(group[i - first]);
    }
    for (const auto& reading : group) snapshot.prefetch_entry(reading);
  }

  base::Bytes received(std::size_t i) { return query(i).first(received_[i].msg_len); }
  base::MutableBytes query(std::size_t i) {
    return {queries_.get() + i * query_stride, query_stride};
  }

  std::unique_ptr<std::uint8_t[]> queries_;
  std::array<sockaddr_storage, batch_size> sources_{};
  std::array<base::PacketInfo, batch_size> asked_{};
  std::array<iovec, batch_size> query_parts_{};
  std::array<mmsghdr, batch_size> received_{};
  std::array<Responder::Snapshot::Reading, group_size> readings_{};

  std::array<std::array<std::uint8_t, dns::our_udp_octets>, batch_size> replies_{};
  std::array<base::PacketInfo, batch_size> reply_sources_{};
  std::array<iovec, batch_size> reply_parts_{};
  std::array<mmsghdr, batch_size> to_send_{};
};

UdpBatch::UdpBatch() : buffers_(std::make_unique<Buffers>()) {}
UdpBatch::~UdpBatch() = default;

UdpServer::UdpServer(asio::io_context& io, base::FileDescriptor socket, const Listener& listener,
                     const Responder& responder, const LoopGuard& guard, UdpBatch& batch,
                     Served& served)
    : socket_(std::move(socket)),
      watched_(io),
      listener_(listener),
      responder_(responder),
      loop_guard_(guard),
      batch_(batch),
      served_(served) {}

/// Answers what waits. Under load, other sockets have their turn in between.
void UdpServer::take_turn() {
  if (answer_waiting(watched_.is_open() ? watched_.native_handle() : socket_.get())) {
    if (watched_.is_open()) socket_ = base::FileDescriptor(watched_.release());
  } else if (!watched_.is_open()) {
    std::error_code ec;
    watched_.assign(socket_.get(), ec);
    if (!ec) (void)socket_.release();  // otherwise unwatched for another turn
  }
  watched_.is_open() ? wait() : go_on();
}

void UdpServer::wait() {
  watched_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const std::error_code& ec) {
                        if (!ec && self->watched_.is_open()) self->take_turn();
                      });
}

void UdpServer::go_on() {
  asio::post(watched_.get_executor(), [self = shared_from_this()] {
    if (self->socket_) self->take_turn();
  });
}

void UdpServer::close() {
  std::error_code ignored;
  watched_.close(ignored);
  socket_ = {};
}

/// \return whether more waits: every batch of the turn was full.
bool UdpServer::answer_waiting(int socket) {
  UdpBatch::Buffers& buffers = *batch_.buffers_;
  for (int i = 0; i < batches_per_turn; ++i) {
    const std::size_t received = buffers.receive(socket);
    const std::size_t replies =
        buffers.answer(received, responder_, listener_, loop_guard_, served_.log);
    const std::size_t sent = buffers.send(socket, replies);
    served_.udp.queries.fetch_add(received, std::memory_order_relaxed);
    served_.udp.replies.fetch_add(sent, std::memory_order_relaxed);
    served_.udp.dropped.fetch_add(replies - sent, std::memory_order_relaxed);
    if (received < batch_size) return false;
  }
  return true;
}

}  // namespace dnsd
