#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "dnsd/control/control_request.hpp"
#include "dnsd/settings/config.hpp"
#include "wg/public_key.hpp"

/// `wg-dnsd pubkey` and `wg-dnsd peer …`: what the running daemon does for them. Control thread.
namespace dnsd {

/// A built-in point as these commands see it.
struct PointView {
  base::Endpoint listen;
  wg::PublicKey key;
  std::vector<base::IpAddress> tunnel_addresses;
};

struct PeerCommandContext {
  const Config& config;
  std::span<const PointView> points;
  std::span<const NameServer> name_servers;  ///< of the zone: where a wildcard point is reached
  std::function<std::optional<std::string>()> reload;  ///< why nothing changed
  std::function<void(const wg::PublicKey&)> reset;     ///< forgets its newest timestamp
};

struct PeerCommandReply {
  std::string text;
  control::Result result;
};

/// \param request one of pubkey, peer_config, peer_add, peer_remove, peer_list, peer_reset
[[nodiscard]] PeerCommandReply run_peer_command(const ControlRequest& request,
                                                const PeerCommandContext& context);

}  // namespace dnsd
