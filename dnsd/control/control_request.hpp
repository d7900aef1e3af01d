#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.hpp"
#include "control/client.hpp"
#include "dnsd/settings/view.hpp"

/// What wg-dnsd can be asked on its control socket (control/reply.hpp): a JSON object on one line,
/// `{"command":"zone","view":"public"}`. Pure.
namespace dnsd {

struct ControlRequest {
  enum class Command : std::uint8_t {
    zone,
    status,
    peers,
    query,
    doctor,
    reload,
    pubkey,
    peer_config,
    peer_add,
    peer_remove,
    peer_rename,
    peer_new,
    peer_list,
    peer_reset,
    log_level,
  };
  Command command{};
  View view = View::private_view;  ///< zone, query
  bool json = false;      ///< status, peers, query, peer_list: for programs instead of for people
  std::string name = {};  ///< query: what is asked for, as it was typed; peer_…: name or key;
                          ///< log_level: the level, empty: only tell it
  std::string type = {};  ///< query: SRV, A, TYPE65280
  std::string key = {};   ///< peer_add: the public key
  bool qr = false;        ///< peer_new: as a code for the camera of a phone
  bool full = false;      ///< peer_new: with the other peers
  std::string new_name = {};                  ///< peer_rename
  std::vector<std::string> allowed_ips = {};  ///< peer_add
  std::string preshared_key_file = {};        ///< peer_add: read by the daemon; empty: none
  bool force = false;  ///< peer_add: also where it takes over what another peer has

  friend bool operator==(const ControlRequest&, const ControlRequest&) = default;
};

/// \param line without its newline. \error one sentence.
[[nodiscard]] base::Expected<ControlRequest, std::string> parse_control_request(
    std::string_view line);
/// With its newline.
[[nodiscard]] std::string write_control_request(const ControlRequest& request);

/// Where the daemon of the systemd unit listens, or the one of this user.
[[nodiscard]] std::string default_control_socket();

/// The daemon that answers on `path`, as control::ask() and the functions beside it take it.
[[nodiscard]] inline control::Daemon daemon_at(std::string path) {
  return {"wg-dnsd", std::move(path)};
}

}  // namespace dnsd
