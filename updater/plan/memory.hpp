#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "updater/plan/keepalive.hpp"
#include "wg/public_key.hpp"

/// What wg-updater has to remember over a restart, even after kill -9. It is kept in
/// /var/lib/wg-updater/IFACE.json (updater/host/memory_file.hpp).
namespace updater {

struct PeerMemory {
  Keepalive keepalive;
  std::optional<base::Endpoint> last_good;  ///< the last endpoint that worked; none: not known
  /// A direct place is, or was, tried for a session that this hub relays: unless it proves itself,
  /// the endpoint is to be the hub's again (updater/peer/upgrade.hpp). None: nothing is to be
  /// undone.
  std::optional<wg::PublicKey> back_to = {};
  /// What a comment in WireGuard's file, or the public host, called it last; one label, or empty.
  std::string name = {};

  /// Whether we added the peer to the device (updater/tunnel/mesh.hpp).
  enum class Mesh : std::uint8_t {
    none,     ///< not by us
    adding,   ///< we add it now; the device has not shown it yet
    added,    ///< by us
    removed,  ///< added by us, then removed by hand
  };
  Mesh mesh = Mesh::none;
  unsigned mesh_device = 0;  ///< for adding and added: index of the interface
  /// For adding and added: the peer's allowed-ips while its own session lives.
  std::vector<base::Prefix> routes = {};
  /// Those of `routes` that a hub has itself, and gets back.
  std::map<base::Prefix, wg::PublicKey> lenders = {};

  /// Forgets that we added the peer.
  void leave_mesh(Mesh state = Mesh::none);

  friend bool operator==(const PeerMemory&, const PeerMemory&) = default;
};

using Memory = std::map<wg::PublicKey, PeerMemory>;

/// JSON, version 1. \param boot identifies this boot of the machine. A device does not survive a
/// reboot, so its keepalives are ours only within one boot.
[[nodiscard]] std::string write_memory(const Memory& memory, std::string_view boot);
/// \return the memory; one of another boot has its keepalives released. \error what is wrong with
/// the file, as a clause.
[[nodiscard]] base::Expected<Memory, std::string> parse_memory(std::string_view json,
                                                               std::string_view boot);

}  // namespace updater
