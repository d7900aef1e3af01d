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
/// A socket for echoes alone is used where net.ipv4.ping_group_range allows it, else a raw one,
/// which needs CAP_NET_RAW. With neither, probing stays off, which is said once.
class EchoProber {
 public:
  /// \param round_trip from the sending to the reading of the reply.
  using Done = std::function<void(const wg::PublicKey& peer, std::chrono::microseconds round_trip)>;

  /// \param context outlives the prober. \param interface packets leave by no other.
  EchoProber(asio::io_context& context, std::string interface, Done done);
  ~EchoProber();
  EchoProber(const EchoProber&) = delete;
  EchoProber& operator=(const EchoProber&) = delete;

  /// One request; a reply that takes longer than 30 s is no reply. An error of the network is
  /// silence, too.
  void send(const Probe& probe);
  /// The interface is another one now, although of the same name.
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
