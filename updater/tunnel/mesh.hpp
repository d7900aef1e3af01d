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
/// are removed again. Only with a configured range. Pure.
namespace updater {

/// A peer of the list that the device does not have, as its TXT record says.
struct ListedPeer {
  wg::PublicKey key;
  std::vector<base::Prefix> allowed_ips;
  bool is_hub = false;
};

/// A list that was read to its end, the records of its peers included.
struct MeshList {
  std::vector<ListedPeer> peers;    ///< those that may be new
  std::set<wg::PublicKey> unknown;  ///< of those that are not listed: nobody registers them
};

/// What every list changes, and what is said of it.
struct MeshPlan {
  wg::Membership change;
  std::vector<Note> notes;
};

/// Decides what a list changes, and marks in `memory` who is added and who is removed; that has to
/// be on disk before the change is made. A peer is added when
///   - it is not this device, not a hub, not denied, and was not removed by hand;
///   - the host routes (/32, /128) in its allowed-ips that lie inside a range, of which at most
///     wg::max_new_allowed_ips, are at least one: it gets these, and no other;
///   - none of these equals a prefix of another peer, or is an address of this host or the server;
///   - no more than `settings.mesh.max` peers were added by us.
/// A peer is removed when we added it and nobody registers it any more.
/// \param settings with at least one range; names. \param interface_index the device's. \param
/// server that gave the list. \param host this host's addresses.
[[nodiscard]] MeshPlan plan_mesh(const Settings& settings, const wg::Device& device,
                                 unsigned interface_index, const base::IpAddress& server,
                                 std::span<const base::InterfaceAddress> host, const MeshList& list,
                                 Memory& memory);

/// Takes a reading: a peer that we added was seen, or is gone without us: it was removed by hand,
/// and is not added again until it is added by hand. Not so when the device is another one, nor
/// when all that we added, two or more, are gone at once: that is a configuration that was loaded
/// anew.
/// \param settings names. \return lines for the log.
[[nodiscard]] std::vector<Note> observe_mesh(const Settings& settings, const wg::Device& device,
                                             unsigned interface_index, Memory& memory);

/// Whose records have to be read: the listed ones that may be added, and of the others those that
/// may have to be removed.
struct MeshQuestions {
  std::vector<wg::PublicKey> listed;
  std::vector<wg::PublicKey> missing;
};
[[nodiscard]] MeshQuestions find_questions(const MeshSettings& settings, const wg::Device& device,
                                           const std::set<wg::PublicKey>& listed,
                                           const Memory& memory);

/// More are nobody's list: it would not fit one answer inside the tunnel.
inline constexpr std::size_t max_listed = 1000;

/// The answer to `_wireguard._udp.Z` PTR. \param packet as received. \error of anything that is not
/// a whole list of peers' names in the zone, from a server that answers for it.
[[nodiscard]] base::Expected<std::set<wg::PublicKey>, LookupError> parse_mesh_list(
    base::Bytes packet, const dns::Name& zone);

/// The answer to a listed peer's TXT. \return nullopt: nobody registers it. \error as above; a
/// record of another key is foreign.
[[nodiscard]] base::Expected<std::optional<ListedPeer>, LookupError> parse_mesh_peer(
    base::Bytes packet, const wg::PublicKey& peer, const dns::Name& zone);

/// The owner name of the list.
[[nodiscard]] dns::Name mesh_list_name(const dns::Name& zone);

}  // namespace updater
