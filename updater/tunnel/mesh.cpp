#include "updater/tunnel/mesh.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dns/reply.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_text.hpp"

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
    if (prefix.is_host() && is_inside && hosts.size() < wg::max_new_allowed_ips)
      hosts.push_back(prefix);
  }
  return hosts;
}

/// Why one of the routes cannot be given to the peer; nullopt: all can. Comparing for equality is
/// enough, because a host route contains nothing but itself.
std::optional<std::string> find_conflict(const std::vector<base::Prefix>& hosts,
                                         const std::set<base::Prefix>& taken,
                                         const base::IpAddress& server,
                                         std::span<const base::InterfaceAddress> host) {
  for (const base::Prefix& prefix : hosts) {
    const std::string text = prefix.to_string();
    if (taken.count(prefix) != 0) return "another peer has " + text;
    if (prefix.address() == server) return text + " is the public host";
    const bool is_own = std::any_of(
        host.begin(), host.end(), [&](const auto& own) { return own.address == prefix.address(); });
    if (is_own) return text + " is this host";
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

MeshPlan plan_mesh(const MeshSettings& settings, const wg::Device& device, unsigned interface_index,
                   const base::IpAddress& server, std::span<const base::InterfaceAddress> host,
                   const MeshList& list, Memory& memory) {
  MeshPlan plan;
  std::size_t added = 0;
  for (auto& [key, peer] : memory) {
    if (peer.mesh != Mesh::added || device.find(key) == nullptr) continue;
    if (list.unknown.count(key) == 0) {
      ++added;
      continue;
    }
    peer.mesh = Mesh::none;
    plan.change.removed.push_back(key);
    plan.notes.push_back(
        {Note::Level::change, "leaves the mesh: the public host does not know it any more", key});
  }
  std::set<base::Prefix> taken;
  for (const wg::DevicePeer& peer : device.peers)
    taken.insert(peer.allowed_ips.begin(), peer.allowed_ips.end());
  for (const ListedPeer& peer : list.peers) {
    if (peer.is_hub || !may_join(settings, device, peer.key, memory)) continue;
    const auto hosts = find_hosts(settings, peer);
    const auto refuse = [&](const std::string& why) {
      plan.notes.push_back({Note::Level::trouble, "is not joined: " + why, peer.key});
    };
    if (hosts.empty()) {
      refuse("none of its allowed-ips is a host route inside a mesh range");
    } else if (const auto conflict = find_conflict(hosts, taken, server, host)) {
      refuse(*conflict);
    } else if (added >= settings.max) {
      refuse(fmt::format("{} peers were joined already (mesh-max)", added));
    } else {
      ++added;
      taken.insert(hosts.begin(), hosts.end());
      PeerMemory& remembered = memory[peer.key];
      remembered.mesh = Mesh::adding;
      remembered.mesh_device = interface_index;
      plan.change.added.push_back({peer.key, hosts});
      std::string text;
      for (const base::Prefix& prefix : hosts) text += " " + prefix.to_string();
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
    const bool is_here = device.find(key) != nullptr;
    // Somebody added it by hand, so it is not ours.
    if (peer.mesh == Mesh::removed && is_here) peer.mesh = Mesh::none;
    if (peer.mesh != Mesh::adding && peer.mesh != Mesh::added) continue;
    // The device is another one, or the peer was never seen because the write failed.
    const bool is_void =
        peer.mesh_device != interface_index || (!is_here && peer.mesh == Mesh::adding);
    if (is_void) {
      peer.mesh = Mesh::none;
    } else if (is_here) {
      peer.mesh = Mesh::added;
      ++here;
    } else {
      gone.push_back(key);
    }
  }
  const bool is_reload = here == 0 && gone.size() > 1;
  for (const wg::PublicKey& key : gone) {
    memory[key].mesh = is_reload ? Mesh::none : Mesh::removed;
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
  return std::optional(ListedPeer{peer, text->allowed_ips, text->is_hub});
}

dns::Name mesh_list_name(const dns::Name& zone) {
  dns::Name name = zone;
  // Cannot fail: longer names of peers fit below the same zone.
  (void)(name.prepend(schema::protocol_label) && name.prepend(schema::service_label));
  return name;
}

}  // namespace updater
