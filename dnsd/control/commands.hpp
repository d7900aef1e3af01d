#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "control/reply.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/control/control_request.hpp"
#include "dnsd/listen/listeners.hpp"
#include "dnsd/observe/observation_points.hpp"
#include "dnsd/observe/observatory.hpp"
#include "dnsd/report/status.hpp"
#include "dnsd/serve/answer_threads.hpp"
#include "dnsd/settings/config.hpp"
#include "dnsd/tunnel/tunnel_host.hpp"
#include "dnsd/zone/zone_source.hpp"

namespace dnsd {

/// What the commands look at. All of it outlives them.
struct CommandContext {
  const Config& config;
  const PeerTable& peers;
  const LiveState& live;
  const StaticPart& static_part;
  const PublishedZone& published;
  const Observatory& observatory;
  const Responder& responder;
  const TunnelHost& tunnel_host;
  const ObservationPoints& points;
  const AnswerThreads& threads;
  const Listeners& listeners;
  base::SteadyTime started;
  const std::string& reload_problem;                   ///< of the last reload; empty: none
  std::function<std::optional<std::string>()> reload;  ///< \return why nothing changed
};

/// Answers what is asked on the control socket: one command each. Control thread.
class Commands {
 public:
  explicit Commands(CommandContext context) : context_(std::move(context)) {}

  /// \param line a request as in dnsd/control/control_request.hpp, without its newline.
  [[nodiscard]] control::Reply answer(std::string_view line);

 private:
  [[nodiscard]] DaemonStatus status() const;
  [[nodiscard]] control::Reply answer_status(bool json) const;
  [[nodiscard]] control::Reply answer_doctor() const;
  [[nodiscard]] control::Reply answer_zone(View view) const;
  [[nodiscard]] control::Reply answer_peers(bool json) const;
  [[nodiscard]] control::Reply answer_query(const ControlRequest& request) const;
  [[nodiscard]] control::Reply answer_about_peers(const ControlRequest& request);
  [[nodiscard]] std::vector<wg::PublicKey> peer_keys() const;

  const CommandContext context_;
};

}  // namespace dnsd
