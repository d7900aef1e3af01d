#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip_packet.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/point/inner_packet.hpp"
#include "dnsd/tunnel/peer_updates.hpp"

namespace dnsd {

/// Why an inner packet got no reply.
enum class InnerDrop : std::uint8_t {
  malformed,    ///< not IP, cut short, contradictory lengths
  options,      ///< IPv4 options or IPv6 extension headers
  fragment,     ///< questions have to fit one packet
  checksum,     ///< wrong, or missing over IPv6
  source,       ///< outside the sender's allowed-ips, not unicast, or our own
  destination,  ///< not the point's tunnel address
  protocol,     ///< neither UDP nor ICMP: TCP above all
  port,         ///< UDP to another port than 53, or from port 0
  icmp,         ///< other ICMP messages than an echo request
  query,        ///< what came to port 53 is no request
};
inline constexpr std::size_t inner_drop_count = 10;
/// One word, for the status.
[[nodiscard]] std::string_view to_string(InnerDrop reason);

/// Counts of what came through the tunnels since the start. The threads of the built-in points
/// write them; any thread reads them.
struct InnerCounters {
  std::atomic<std::uint64_t> packets{0};  ///< received; all but keepalives
  std::atomic<std::uint64_t> queries{0};  ///< DNS questions that were answered
  std::atomic<std::uint64_t> updates{0};  ///< requests of peers that were answered, REFUSED too
  std::atomic<std::uint64_t> echoes{0};   ///< pings that were answered
  std::array<std::atomic<std::uint64_t>, inner_drop_count> dropped{};  ///< by InnerDrop
};

/// The host that peers reach at a point's tunnel address: DNS on UDP port 53 as on a private
/// listener, and ICMP echo. There is no TCP, and no reassembly. Any thread may call; nothing
/// blocks.
class TunnelHost {
 public:
  /// The longest DNS message: 12 fragments of the inner MTU, which a stock resolver reassembles
  /// without special settings. Longer answers are truncated (TC).
  static constexpr std::size_t max_reply_octets = 16384;

  /// All outlive the host.
  TunnelHost(const Responder& responder, PeerUpdates& updates)
      : responder_(responder), updates_(updates) {}

  /// Handles one packet that came through a tunnel; an InnerHandler.
  void receive(const InnerPacket& packet, const SendInner& send);

  [[nodiscard]] const InnerCounters& counters() const { return counters_; }

 private:
  [[nodiscard]] std::optional<InnerDrop> answer(const InnerPacket& packet, const SendInner& send);
  [[nodiscard]] std::optional<InnerDrop> answer_udp(const base::IpPacket& ip,
                                                    const InnerPacket& packet,
                                                    const SendInner& send);
  [[nodiscard]] std::optional<InnerDrop> answer_echo(const base::IpPacket& ip,
                                                     const SendInner& send);
  void reply(const base::IpPacket& to, base::Bytes payload, const SendInner& send);

  const Responder& responder_;
  PeerUpdates& updates_;
  InnerCounters counters_;
  std::atomic<std::uint32_t> identification_{0};
};

}  // namespace dnsd
