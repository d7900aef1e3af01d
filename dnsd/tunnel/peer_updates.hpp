#pragma once

#include <functional>
#include <utility>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "dns/update.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/point/inner_packet.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Judges dynamic updates (RFC 2136) that came through a tunnel. Three things are granted: a peer
/// may replace, or withdraw, its own `_lan.K.Z` TXT RRset; it may add to and remove from its own
/// `_path.K.Z` TXT what its ways to other registered peers are, a report for people that decides
/// nothing (PathTable); and it may say at `_relay.K.Z` whose packets it now sends to this host; no
/// record comes of that. Everything else is REFUSED.
class PeerUpdates {
 public:
  /// \param peers the registered ones. \param live its `lan` and `paths` take what is granted.
  /// \param changed called on the thread of respond() after a change of content. All outlive this.
  PeerUpdates(const PublishedZone& zone, const PeerTable& peers, LiveState& live,
              std::function<void()> changed)
      : zone_(zone), peers_(peers), live_(live), changed_(std::move(changed)) {}

  /// Who sent it.
  struct Sender {
    const wg::PublicKey& key;  ///< proven; the source address has been checked
    RelayRequests* relay;      ///< of the point that it came through; null: it passes nothing on
  };
  /// \param message one whole message. \param out room for at least 1232 octets. \return octets of
  /// the reply; 0: not an update, send nothing. Any thread that may use `sender.relay`.
  [[nodiscard]] std::size_t respond(base::Bytes message, const Sender& sender, base::SteadyTime now,
                                    base::MutableBytes out);

 private:
  [[nodiscard]] dns::Rcode grant_lan(const dns::Update& update, const wg::PublicKey& sender,
                                     dns::NameView zone, base::SteadyTime now);
  [[nodiscard]] dns::Rcode grant_paths(const dns::Update& update, base::Bytes message,
                                       const wg::PublicKey& sender, dns::NameView zone,
                                       base::SteadyTime now);

  const PublishedZone& zone_;
  const PeerTable& peers_;
  LiveState& live_;
  std::function<void()> changed_;
};

}  // namespace dnsd
