#include "updater/tunnel/mesh_routes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace updater {
namespace {

/// Default routes, and the two halves that some use in their place.
constexpr unsigned longest_default = 1;

bool has_exactly(const wg::DevicePeer& peer, const base::Prefix& prefix) {
  return std::find(peer.allowed_ips.begin(), peer.allowed_ips.end(), prefix) !=
         peer.allowed_ips.end();
}

/// The peer to which packets for the address go, `except` left out; nullptr: none.
const wg::DevicePeer* find_carrier(const base::IpAddress& address, const wg::Device& device,
                                   const std::optional<wg::PublicKey>& except) {
  const wg::DevicePeer* carrier = nullptr;
  unsigned longest = 0;
  for (const wg::DevicePeer& peer : device.peers) {
    if (peer.public_key == except) continue;
    for (const base::Prefix& prefix : peer.allowed_ips) {
      if (!prefix.contains(address) || (carrier != nullptr && prefix.length() <= longest)) continue;
      carrier = &peer;
      longest = prefix.length();
    }
  }
  return carrier;
}

std::vector<wg::PeerUpdate> make_loan_returns(const std::map<base::Prefix, wg::PublicKey>& loans) {
  std::vector<wg::PeerUpdate> updates;
  for (const auto& [prefix, lender] : loans)
    updates.push_back({lender, std::nullopt, std::nullopt, std::nullopt, {prefix}});
  return updates;
}

}  // namespace

std::set<wg::PublicKey> find_gateways(const wg::Device& device, const std::set<wg::PublicKey>& hubs,
                                      const std::optional<base::IpAddress>& private_server) {
  std::set<wg::PublicKey> gateways = hubs;
  if (!private_server) return gateways;
  const auto* carrier = find_carrier(*private_server, device, std::nullopt);
  if (carrier != nullptr) gateways.insert(carrier->public_key);
  return gateways;
}

bool has_detour(const std::vector<base::Prefix>& routes, const wg::PublicKey& peer,
                const wg::Device& device, const std::set<wg::PublicKey>& gateways) {
  return std::any_of(routes.begin(), routes.end(), [&](const base::Prefix& route) {
    const auto* carrier = find_carrier(route.address(), device, peer);
    return carrier != nullptr && gateways.count(carrier->public_key) != 0;
  });
}

std::optional<std::string> find_owner(const base::Prefix& route, const wg::PublicKey& peer,
                                      const wg::Device& device,
                                      const std::set<wg::PublicKey>& gateways,
                                      const Settings& settings) {
  for (const wg::DevicePeer& other : device.peers) {
    if (other.public_key == peer || gateways.count(other.public_key) != 0) continue;
    for (const base::Prefix& prefix : other.allowed_ips) {
      if (prefix.length() <= longest_default || !prefix.contains(route.address())) continue;
      const std::string name = settings.describe(other.public_key);
      return prefix == route ? fmt::format("{} belongs to {}", route.to_string(), name)
                             : fmt::format("{} lies inside {} of {}, which is no hub",
                                           route.to_string(), prefix.to_string(), name);
    }
  }
  return std::nullopt;
}

bool has_all(const wg::DevicePeer& shown, const std::vector<base::Prefix>& routes) {
  return std::all_of(routes.begin(), routes.end(),
                     [&](const base::Prefix& route) { return has_exactly(shown, route); });
}

bool has_any(const wg::DevicePeer& shown, const std::vector<base::Prefix>& routes) {
  return std::any_of(routes.begin(), routes.end(),
                     [&](const base::Prefix& route) { return has_exactly(shown, route); });
}

std::vector<wg::PeerUpdate> make_take(const wg::DevicePeer& shown, const wg::Device& device,
                                      const std::set<wg::PublicKey>& gateways, PeerMemory& memory) {
  for (const wg::DevicePeer& other : device.peers) {
    if (gateways.count(other.public_key) == 0) continue;
    for (const base::Prefix& route : memory.routes) {
      if (has_exactly(other, route)) memory.lenders.insert_or_assign(route, other.public_key);
    }
  }
  return {{shown.public_key, std::nullopt, std::nullopt, std::nullopt, memory.routes}};
}

std::vector<wg::PeerUpdate> make_return(const wg::DevicePeer& shown, const PeerMemory& memory) {
  std::vector<wg::PeerUpdate> updates = make_loan_returns(memory.lenders);
  std::vector<base::Prefix> others = shown.allowed_ips;
  std::erase_if(others, [&](const base::Prefix& prefix) {
    return std::find(memory.routes.begin(), memory.routes.end(), prefix) != memory.routes.end();
  });
  // More than we would ever have written: the peer is somebody else's by now.
  if (others.size() > wg::max_set_allowed_ips) return updates;
  updates.push_back({shown.public_key, std::nullopt, std::nullopt, std::move(others)});
  return updates;
}

std::vector<wg::PeerUpdate> settle_loans(const wg::PublicKey& peer, const wg::Device& device,
                                         PeerMemory& memory) {
  std::erase_if(memory.lenders, [&](const auto& loan) {
    const bool has_other =
        std::any_of(device.peers.begin(), device.peers.end(), [&](const wg::DevicePeer& other) {
          return other.public_key != peer && has_exactly(other, loan.first);
        });
    return has_other || device.find(loan.second) == nullptr;
  });
  const auto* shown = device.find(peer);
  if (memory.lenders.empty() || (shown != nullptr && has_any(*shown, memory.routes))) return {};
  return make_loan_returns(memory.lenders);
}

}  // namespace updater
