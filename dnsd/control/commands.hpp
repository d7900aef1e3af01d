#pragma once

#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/reply.hpp"
#include "dnsd/control/command_context.hpp"
#include "dnsd/control/control_request.hpp"
#include "dnsd/report/path_status.hpp"
#include "dnsd/report/relay_status.hpp"
#include "dnsd/report/status.hpp"

namespace dnsd {

/// Answers what is asked on the control socket: one command each. Control thread.
class Commands {
 public:
  explicit Commands(CommandContext context) : context_(std::move(context)) {}

  /// \param line a request as in dnsd/control/control_request.hpp, without its newline.
  /// \return must not outlive this object; its `more` runs on the control thread, about 10 ms a
  /// call.
  [[nodiscard]] control::Reply answer(std::string_view line);

 private:
  [[nodiscard]] DaemonStatus status() const;
  [[nodiscard]] control::Reply answer_status(bool json) const;
  [[nodiscard]] control::Reply answer_doctor() const;
  [[nodiscard]] control::Reply answer_zone(View view) const;
  [[nodiscard]] control::Reply answer_peers(bool json) const;
  [[nodiscard]] control::Reply answer_query(const ControlRequest& request) const;
  [[nodiscard]] std::vector<wg::PublicKey> peer_keys() const;
  using RelayedBySender = std::unordered_map<wg::PublicKey, std::vector<RelayedTo>>;
  [[nodiscard]] RelayedBySender relayed_by_sender() const;

  [[nodiscard]] std::vector<ToldWay> told_ways(const wg::PublicKey& key) const;

  const CommandContext context_;
};

}  // namespace dnsd
