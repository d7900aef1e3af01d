#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "updater/plan/plan.hpp"

namespace updater {

/// Sends ICMP echo requests without payload through one interface (RFC 792, RFC 4443 §4), and
/// tells when their replies come. Used from the thread of its io_context.
///
/// Uses a ping socket where net.ipv4.ping_group_range allows it (icmp(7)), otherwise a raw socket,
/// which needs CAP_NET_RAW. With neither, probing stays off, which is logged once.
class EchoProber {
 public:
  /// \param round_trip from sending the request to reading the reply.
  using Done = std::function<void(const wg::PublicKey& peer, std::chrono::microseconds round_trip)>;

  /// \param context outlives the prober. \param interface the only one that packets leave by.
  EchoProber(asio::io_context& context, std::string interface, Done done);
  ~EchoProber();
  EchoProber(const EchoProber&) = delete;
  EchoProber& operator=(const EchoProber&) = delete;

  /// Sends one request. Replies later than 30 s are ignored, and so are errors of the network.
  void send(const Probe& probe);
  /// Call it when the interface vanished: one of the same name may be another interface.
  void forget_interface();

 private:
  class Socket;
  std::unique_ptr<Socket> sockets_[2];  // IPv4, IPv6; null: not open
  asio::io_context& context_;
  std::string interface_;
  Done done_;
  bool told_ = false;
};

}  // namespace updater
