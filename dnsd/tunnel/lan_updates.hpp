#pragma once

#include <functional>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/peers/lan_table.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Judges dynamic updates (RFC 2136) that came through a tunnel. One thing is granted: a peer may
/// replace, or withdraw, its own `_lan.K.Z` TXT RRset. Everything else is REFUSED.
class LanUpdates {
 public:
  /// \param table takes what is granted. \param changed called on the thread of respond() after a
  /// change of content. All outlive this.
  LanUpdates(const PublishedZone& zone, LanTable& table, std::function<void()> changed)
      : zone_(zone), table_(table), changed_(std::move(changed)) {}

  /// \param message one whole message. \param sender the peer, by its proven key; its source
  /// address has been checked. \param out room for at least 1232 octets. \return octets of the
  /// reply; 0: not an update, send nothing. Any thread.
  [[nodiscard]] std::size_t respond(base::Bytes message, const wg::PublicKey& sender,
                                    base::SteadyTime now, base::MutableBytes out);

 private:
  const PublishedZone& zone_;
  LanTable& table_;
  std::function<void()> changed_;
};

}  // namespace dnsd
