#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.hpp"
#include "control/client.hpp"

/// A request on the control socket of a running updater (control/reply.hpp): a JSON object on one
/// line, `{"command":"why","peer":"xTIB"}`.
namespace updater {

struct ControlRequest {
  enum class Command : std::uint8_t { status, why, ping, doctor, log_level, config };
  Command command{};
  bool json = false;  ///< status: JSON instead of a table
  std::string peer;   ///< why, ping: a name, a key or its beginning
  /// status: only the peers that one of these words is about (PeerFilter); empty: all.
  std::vector<std::string> filter = {};
  /// status: "live" or "ready": nothing is printed, and the exit code tells; empty: no check.
  std::string check = {};
  std::string level = {};  ///< log_level: one of base::log_levels; empty: only tell it
  bool send = false;       ///< ping: send an echo request, do not only tell of those before

  friend bool operator==(const ControlRequest&, const ControlRequest&) = default;
};

/// \param line without its newline. \error one sentence.
[[nodiscard]] base::Expected<ControlRequest, std::string> parse_control_request(
    std::string_view line);
/// With its newline.
[[nodiscard]] std::string write_control_request(const ControlRequest& request);

/// IFACE.sock, where config::find_socket() looks for it.
[[nodiscard]] std::string default_control_socket(const std::string& interface);

/// The daemon that answers on `path`, for the functions of control/client.hpp.
[[nodiscard]] inline control::Daemon daemon_at(std::string path) {
  return {"wg-updater", std::move(path)};
}

}  // namespace updater
