#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/interfaces.hpp"
#include "dns/name.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/plan/memory.hpp"
#include "updater/plan/plan.hpp"
#include "wg/device.hpp"

/// Mesh joining: which of the peers that the public host lists are added to the device, and which
/// are removed again. Needs a configured range. Pure.
namespace updater {

/// A listed peer that the device does not have, as its TXT record describes it.
struct ListedPeer {
  wg::PublicKey key;
  std::vector<base::Prefix> allowed_ips;
  bool is_hub = false;
  std::string name = {};  ///< one label, or empty
};

/// A list that was read completely, with the records of its peers.
struct MeshList {
  std::vector<ListedPeer> peers;    ///< those that may have to be added
  std::set<wg::PublicKey> unknown;  ///< peers that were asked for and are not registered
};

/// What a list changes, and the lines for the log.
struct MeshPlan {
  wg::Membership change;
  std::vector<Note> notes;
};

/// Decides what a list changes, and marks in `memory` which peers are added and removed. The memory
/// has to be on disk before the change is made. A peer is added when
///   - it is not this device, not a hub, not denied, and was not removed by hand;
///   - its allowed-ips have at least one host route (/32, /128) inside a range. These routes and no
///     other are for the peer, at most wg::max_set_allowed_ips. It is added without any, and gets
///     them when it has a session (updater/peer/mesh_way.hpp);
///   - none of these belongs to another peer that is no gateway, or lies inside a network of one
///     (find_owner()), or is for another peer that we added, or is an address of this host, the
///     server or a hub;
///   - fewer than `settings.mesh.max` peers were added by us.
/// A peer is removed when we added it and it is no longer registered.
/// \param settings with at least one range for the mesh. \param interface_index the device's.
/// \param server that gave the list. \param host this host's addresses.
[[nodiscard]] MeshPlan plan_mesh(const Settings& settings, const wg::Device& device,
                                 unsigned interface_index, const base::IpAddress& server,
                                 std::span<const base::InterfaceAddress> host, const MeshList& list,
                                 Memory& memory);

/// Takes a reading of the device. A peer that we added and that is missing now was removed by hand:
/// it is not added again until somebody adds it by hand. Two exceptions: the device is another one,
/// or at least two peers were added by us and all of them are missing at once, because a
/// configuration was loaded again. Then they may be added again. \return lines for the log.
[[nodiscard]] std::vector<Note> observe_mesh(const wg::Device& device, unsigned interface_index,
                                             Memory& memory);

/// The peers whose records have to be read.
struct MeshQuestions {
  std::vector<wg::PublicKey> listed;   ///< listed, and may have to be added
  std::vector<wg::PublicKey> missing;  ///< not listed, and may have to be removed
};
[[nodiscard]] MeshQuestions find_questions(const MeshSettings& settings, const wg::Device& device,
                                           const std::set<wg::PublicKey>& listed,
                                           const Memory& memory);

/// A longer list is refused: it would not fit one answer inside the tunnel.
inline constexpr std::size_t max_listed = 1000;

/// The answer to `_wireguard._udp.Z` PTR. \param packet as received. \error for anything but a
/// complete list of peers' names in the zone, from a server that is authoritative for it.
[[nodiscard]] base::Expected<std::set<wg::PublicKey>, LookupError> parse_mesh_list(
    base::Bytes packet, const dns::Name& zone);

/// The answer to a listed peer's TXT. \return nullopt: the peer is not registered. \error as above;
/// a record of another key is foreign.
[[nodiscard]] base::Expected<std::optional<ListedPeer>, LookupError> parse_mesh_peer(
    base::Bytes packet, const wg::PublicKey& peer, const dns::Name& zone);

/// The owner name of the list.
[[nodiscard]] dns::Name mesh_list_name(const dns::Name& zone);

}  // namespace updater
