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

/// What wg-updater has to know after a restart, kill -9 included: /var/lib/wg-updater/IFACE.json.
namespace updater {

struct PeerMemory {
  Keepalive keepalive;
  std::optional<base::Endpoint> last_good;  ///< the endpoint that worked last

  /// Whether we added the peer to the device (mesh.hpp).
  enum class Mesh : std::uint8_t {
    none,     ///< we did not
    adding,   ///< we are about to; not seen on the device yet
    added,    ///< we did
    removed,  ///< and it was removed by hand
  };
  Mesh mesh = Mesh::none;
  unsigned mesh_device = 0;  ///< adding, added: the interface's index

  friend bool operator==(const PeerMemory&, const PeerMemory&) = default;
};

using Memory = std::map<wg::PublicKey, PeerMemory>;

/// JSON, version 1. \param boot identifies this boot of the machine: a device does not survive a
/// reboot, and what we set there is past.
[[nodiscard]] std::string write_memory(const Memory& memory, std::string_view boot);
/// \return the memory, its keepalives released when it is from another boot; or what is wrong.
[[nodiscard]] base::Expected<Memory, std::string> parse_memory(std::string_view json,
                                                               std::string_view boot);

}  // namespace updater
