#include "updater/tunnel/mesh.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dns/reply.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_text.hpp"
#include "updater/tunnel/mesh_routes.hpp"

// Mesh joining, in the order of the header: what a list changes, what a reading shows, which
// records are to be asked for, and how the answers are read. Pure functions without state: what is
// remembered between calls is in Memory. MeshReader asks the questions; the loop reads the device,
// saves the memory and makes the change.
namespace updater {
namespace {

using Mesh = PeerMemory::Mesh;

const PeerMemory& find_memory(const Memory& memory, const wg::PublicKey& key) {
  static const PeerMemory none;
  const auto known = memory.find(key);
  return known == memory.end() ? none : known->second;
}

bool may_join(const MeshSettings& settings, const wg::Device& device, const wg::PublicKey& key,
              const Memory& memory) {
  return device.public_key && key != *device.public_key && device.find(key) == nullptr &&
         settings.deny.count(key) == 0 && find_memory(memory, key).mesh != Mesh::removed;
}

/// The host routes of a listed peer that lie inside a range.
std::vector<base::Prefix> find_hosts(const MeshSettings& settings, const ListedPeer& peer) {
  std::vector<base::Prefix> hosts;
  for (const base::Prefix& prefix : peer.allowed_ips) {
    const bool is_inside =
        std::any_of(settings.ranges.begin(), settings.ranges.end(),
                    [&](const base::Prefix& range) { return range.contains(prefix.address()); });
    if (prefix.is_host() && is_inside && hosts.size() < wg::max_set_allowed_ips)
      hosts.push_back(prefix);
  }
  return hosts;
}

/// Which peers' sessions the addresses in the tunnel are for.
struct Owners {
  const Settings& settings;
  const wg::Device& device;
  const base::IpAddress& server;
  std::span<const base::InterfaceAddress> host;
  std::set<wg::PublicKey> gateways;
  std::set<base::Prefix> joined = {};  ///< the routes of peers that we added
};

/// The only host route of its family that a hub has is its own address (find_private_server()).
bool is_address_of_hub(const base::Prefix& route, const Owners& owners) {
  return std::any_of(
      owners.device.peers.begin(), owners.device.peers.end(), [&](const wg::DevicePeer& peer) {
        const auto& prefixes = peer.allowed_ips;
        const auto is_rival = [&](const base::Prefix& prefix) {
          return prefix.is_host() && prefix.address().family() == route.address().family();
        };
        return owners.gateways.count(peer.public_key) != 0 &&
               std::count_if(prefixes.begin(), prefixes.end(), is_rival) == 1 &&
               std::find(prefixes.begin(), prefixes.end(), route) != prefixes.end();
      });
}

/// Why one of the routes cannot be the peer's; nullopt: all can.
std::optional<std::string> find_conflict(const std::vector<base::Prefix>& routes,
                                         const wg::PublicKey& peer, const Owners& owners) {
  for (const base::Prefix& route : routes) {
    const std::string text = route.to_string();
    if (owners.joined.count(route) != 0) return "another peer of the mesh has " + text;
    if (route.address() == owners.server || is_address_of_hub(route, owners))
      return text + " is the public host";
    const bool is_own = std::any_of(owners.host.begin(), owners.host.end(), [&](const auto& own) {
      return own.address == route.address();
    });
    if (is_own) return text + " is this host";
    if (auto owner = find_owner(route, peer, owners.device, owners.gateways, owners.settings))
      return owner;
  }
  return std::nullopt;
}

/// The key that `K._wireguard._udp.Z` names.
std::optional<wg::PublicKey> read_instance(const dns::Name& name, const dns::Name& zone) {
  if (!name.view().is_at_or_below(zone)) return std::nullopt;
  const auto peer = schema::parse_peer_name(name, zone);
  if (!peer || peer->form != schema::PeerName::Form::instance) return std::nullopt;
  return peer->key;
}

/// Why an answer cannot be used, whatever its records are; nullopt: it can.
std::optional<LookupError> find_fault(const base::Expected<dns::Reply, dns::ReplyError>& reply) {
  if (!reply || reply->truncated || !reply->authoritative) return LookupError::malformed;
  switch (reply->rcode) {
    case dns::Rcode::noerror:
    case dns::Rcode::nxdomain:
      return std::nullopt;
    case dns::Rcode::refused:
      return LookupError::refused;
    default:
      return LookupError::server_failure;
  }
}

}  // namespace

MeshPlan plan_mesh(const Settings& settings, const wg::Device& device, unsigned interface_index,
                   const base::IpAddress& server, std::span<const base::InterfaceAddress> host,
                   const MeshList& list, Memory& memory) {
  MeshPlan plan;
  Owners owners{settings, device, server, host,
                find_gateways(device, settings.hubs, settings.private_server)};
  std::size_t added = 0;
  for (auto& [key, peer] : memory) {
    const auto* shown = device.find(key);
    if (peer.mesh != Mesh::added || shown == nullptr) continue;
    if (list.unknown.count(key) == 0) {
      ++added;
      owners.joined.insert(peer.routes.begin(), peer.routes.end());
      continue;
    }
    append(plan.change.before, make_return(*shown, peer));
    peer.leave_mesh();
    plan.change.removed.push_back(key);
    plan.notes.push_back(
        {Note::Level::change, "leaves the mesh: the public host does not know it any more", key});
  }
  for (const ListedPeer& peer : list.peers) {
    if (peer.is_hub || !may_join(settings.mesh, device, peer.key, memory)) continue;
    const auto routes = find_hosts(settings.mesh, peer);
    const auto refuse = [&](const std::string& why) {
      plan.notes.push_back({Note::Level::trouble, "is not joined: " + why, peer.key});
    };
    if (routes.empty()) {
      refuse("none of its allowed-ips is a host route inside a mesh range");
    } else if (const auto conflict = find_conflict(routes, peer.key, owners)) {
      refuse(*conflict);
    } else if (added >= settings.mesh.max) {
      refuse(fmt::format("{} peers were joined already (mesh-max)", added));
    } else {
      ++added;
      owners.joined.insert(routes.begin(), routes.end());
      PeerMemory& remembered = memory[peer.key];
      remembered.leave_mesh(Mesh::adding);
      remembered.mesh_device = interface_index;
      remembered.routes = routes;
      plan.change.added.push_back({peer.key, {}});
      std::string text;
      for (const base::Prefix& route : routes) text += " " + route.to_string();
      plan.notes.push_back({Note::Level::change, "joins the mesh with" + text, peer.key});
    }
  }
  return plan;
}

std::vector<Note> observe_mesh(const wg::Device& device, unsigned interface_index, Memory& memory) {
  std::vector<Note> notes;
  std::vector<wg::PublicKey> gone;
  std::size_t here = 0;
  for (auto& [key, peer] : memory) {
    const auto* shown = device.find(key);
    const bool is_here = shown != nullptr;
    // Somebody added it by hand, so it is not ours.
    if (peer.mesh == Mesh::removed && is_here) peer.mesh = Mesh::none;
    if (peer.mesh != Mesh::adding && peer.mesh != Mesh::added) continue;
    // The device is another one, or the peer was never seen because the write failed.
    const bool is_void =
        peer.mesh_device != interface_index || (!is_here && peer.mesh == Mesh::adding);
    if (is_void) {
      peer.leave_mesh();
    } else if (is_here) {
      peer.mesh = Mesh::added;
      // An earlier version added it with its routes, and did not remember them.
      if (peer.routes.empty()) peer.routes = shown->allowed_ips;
      ++here;
    } else {
      gone.push_back(key);
    }
  }
  const bool is_reload = here == 0 && gone.size() > 1;
  for (const wg::PublicKey& key : gone) {
    // What a hub lent to a peer that was removed alone is still to be given back.
    auto lenders = memory[key].lenders;
    memory[key].leave_mesh(is_reload ? Mesh::none : Mesh::removed);
    if (!is_reload) memory[key].lenders = std::move(lenders);
    if (!is_reload)
      notes.push_back({Note::Level::change,
                       "removed by hand, and not joined again until it is added by hand", key});
  }
  return notes;
}

MeshQuestions find_questions(const MeshSettings& settings, const wg::Device& device,
                             const std::set<wg::PublicKey>& listed, const Memory& memory) {
  MeshQuestions questions;
  for (const wg::PublicKey& key : listed) {
    if (may_join(settings, device, key, memory)) questions.listed.push_back(key);
  }
  for (const auto& [key, peer] : memory) {
    if (peer.mesh == Mesh::added && listed.count(key) == 0) questions.missing.push_back(key);
  }
  return questions;
}

base::Expected<std::set<wg::PublicKey>, LookupError> parse_mesh_list(base::Bytes packet,
                                                                     const dns::Name& zone) {
  const dns::Name owner = mesh_list_name(zone);
  const auto reply = dns::parse_reply(packet, owner, dns::RrType::ptr);
  if (const auto fault = find_fault(reply)) return base::Unexpected(*fault);
  // The name exists in every zone of wg-dnsd: it has a TXT record in both views.
  if (reply->rcode == dns::Rcode::nxdomain) return base::Unexpected(LookupError::no_such_name);
  std::set<wg::PublicKey> keys;
  for (const dns::ReplyRecord& record : reply->answer) {
    if (record.owner != owner || record.type != dns::RrType::ptr)
      return base::Unexpected(LookupError::foreign);
    const auto key = read_instance(std::get<dns::Name>(record.data), zone);
    if (!key) return base::Unexpected(LookupError::foreign);
    keys.insert(*key);
  }
  if (keys.size() > max_listed) return base::Unexpected(LookupError::malformed);
  return keys;
}

base::Expected<std::optional<ListedPeer>, LookupError> parse_mesh_peer(base::Bytes packet,
                                                                       const wg::PublicKey& peer,
                                                                       const dns::Name& zone) {
  const dns::Name owner = schema::instance_name(peer, zone);
  const auto reply = dns::parse_reply(packet, owner, dns::RrType::txt);
  if (const auto fault = find_fault(reply)) return base::Unexpected(*fault);
  if (reply->rcode == dns::Rcode::nxdomain) return std::optional<ListedPeer>();
  if (reply->answer.size() != 1) return base::Unexpected(LookupError::malformed);
  const dns::ReplyRecord& record = reply->answer.front();
  if (record.owner != owner || record.type != dns::RrType::txt)
    return base::Unexpected(LookupError::foreign);
  const auto text = schema::parse_peer_text(std::get<dns::TxtRecord>(record.data).strings);
  if (!text) return base::Unexpected(LookupError::malformed);
  if (text->public_key != peer) return base::Unexpected(LookupError::foreign);
  return std::optional(ListedPeer{peer, text->allowed_ips, text->is_hub, text->name});
}

dns::Name mesh_list_name(const dns::Name& zone) {
  dns::Name name = zone;
  // Cannot fail: longer names of peers fit below the same zone.
  (void)(name.prepend(schema::protocol_label) && name.prepend(schema::service_label));
  return name;
}

}  // namespace updater
