#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/listen/listeners.hpp"
#include "dnsd/observe/observatory.hpp"
#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/serve/answer_threads.hpp"
#include "dnsd/settings/config.hpp"
#include "dnsd/state/peer_names.hpp"
#include "dnsd/tunnel/tunnel_host.hpp"
#include "dnsd/zone/zone_source.hpp"

namespace dnsd {

/// What the commands look at: the parts of the running daemon, by reference. All of it outlives
/// them.
struct CommandContext {
  const Config& config;

  // Observing.
  const PeerTable& peers;
  const LiveState& live;
  const Observatory& observatory;

  // Serving.
  const ZoneSource& zone_source;
  const PublishedZone& published;
  const Responder& responder;
  const AnswerThreads& threads;
  const Listeners& listeners;
  const TunnelHost& tunnel_host;

  // The daemon itself.
  base::SteadyTime started;
  const std::string& reload_problem;  ///< of the last reload; empty: none
  /// \return what is wrong: nothing changed, or all but a point that could not be opened.
  std::function<std::optional<std::string>()> reload;
  /// Keeps a name of a peer in the state, or forgets it; the next reload applies it. \return the
  /// one that was kept.
  std::function<std::optional<KnownName>(const wg::PublicKey&, std::optional<KnownName>)> keep_name;
};

}  // namespace dnsd
