#include "dnsd/control/peer_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace dnsd {
namespace {

/// As the README recommends: NATs forget a mapping after 30 s at the earliest.
constexpr int keepalive_seconds = 25;

std::optional<base::Endpoint> endpoint_of(const ObservationPoint& point,
                                          const CommandContext& context) {
  const base::Endpoint& listen = point.settings().listen;
  if (listen.address.is_loopback()) return listen;  // for peers on this host
  return context.observatory.reached_at(listen);
}

const ObservationPoint* find_relay(const CommandContext& context) {
  const auto points = context.observatory.points().opened();
  const auto found = std::find_if(points.begin(), points.end(), [](const ObservationPoint* point) {
    return point->settings().relay.has_value();
  });
  return found == points.end() ? nullptr : *found;
}

std::string list_addresses(const std::vector<base::IpAddress>& addresses, bool with_lengths) {
  std::string list;
  for (const base::IpAddress& address : addresses) {
    if (!list.empty()) list += ", ";
    list += address.to_string();
    if (with_lengths) list += address.is_ipv4() ? "/32" : "/128";
  }
  return list;
}

bool is_other_peer(const ConfiguredPeer& peer, const CommandContext& context) {
  const auto known = context.peers.find(peer.public_key);
  return !peer.allowed_ips.empty() && !(known && known->detail->is_hub);
}

std::string write_other_sections(const CommandContext& context) {
  const ObservationPoint* const relay = find_relay(context);
  const auto way = relay == nullptr ? std::nullopt : endpoint_of(*relay, context);
  std::string text;
  for (const ConfiguredPeer& peer : context.config.peers) {
    if (!is_other_peer(peer, context)) continue;
    text += "\n[Peer]\n";
    if (!peer.name.empty()) text += fmt::format("# Name = {}\n", peer.name);
    text += fmt::format("PublicKey = {}\n", peer.public_key.to_base64());
    if (way && peer.is_relayed) text += fmt::format("Endpoint = {}\n", way->to_string());
    std::string allowed;
    for (const base::Prefix& block : peer.allowed_ips)
      allowed += (allowed.empty() ? "" : ", ") + block.to_string();
    text += fmt::format("AllowedIPs = {}\n", allowed);
  }
  return text;
}

std::string tell_hub(const CommandContext& context, const std::string& name) {
  std::vector<base::IpAddress> addresses;
  for (const ObservationPoint* point : context.observatory.points().opened()) {
    const auto& inside = point->settings().tunnel_addresses;
    addresses.insert(addresses.end(), inside.begin(), inside.end());
  }
  const std::string self =
      context.config.tunnel_label.empty()
          ? std::string()
          : fmt::format(", which tells others that {}.{}.{} is this device", name,
                        context.config.tunnel_label, context.config.zone.to_string());
  if (addresses.empty())
    return "Works at once: the public host sees this device. It has no address inside the tunnel "
           "(observe: ADDR:PORT,TUNNEL).";
  return fmt::format("Works at once: ping and DNS at {}, the public host{}.",
                     list_addresses(addresses, false), self);
}

std::string tell_others(const CommandContext& context, bool with_others) {
  if (!with_others)
    return "Does not work with this file: other peers, which --full adds; or run wg-updater on "
           "this device.";
  const auto others =
      std::count_if(context.config.peers.begin(), context.config.peers.end(),
                    [&](const ConfiguredPeer& peer) { return is_other_peer(peer, context); });
  if (find_relay(context) == nullptr)
    return fmt::format(
        "Works when they call first: the other peers of this file, {}. This host passes no packets "
        "on (relay).",
        others);
  return fmt::format(
      "Works through this host as soon as they have this device as a peer: the other peers of this "
      "file, {} (wg-updater with mesh adds it by itself).",
      others);
}

}  // namespace

base::Expected<std::string, std::string> write_hub_sections(const CommandContext& context,
                                                            bool has_preshared_key) {
  const auto points = context.observatory.points().opened();
  if (points.empty())
    return base::Unexpected(std::string("no built-in point is configured: see --observe"));
  std::string text;
  for (const ObservationPoint* point : points) {
    const auto endpoint = endpoint_of(*point, context);
    if (!endpoint)
      return base::Unexpected(
          fmt::format("the address of the point {} is not known: name it with --ns "
                      "NAME=ADDRESS, or observe there",
                      point->settings().listen.to_string()));
    if (!text.empty()) text += '\n';
    text += fmt::format("[Peer]\nPublicKey = {}\n", point->public_key().to_base64());
    if (has_preshared_key) text += "# PresharedKey = (the one that this peer has)\n";
    text += fmt::format("Endpoint = {}\n", endpoint->to_string());
    const std::string allowed = list_addresses(point->settings().tunnel_addresses, true);
    if (!allowed.empty()) text += fmt::format("AllowedIPs = {}\n", allowed);
    text += fmt::format("PersistentKeepalive = {}\n", keepalive_seconds);
  }
  return text;
}

base::Expected<std::string, std::string> write_peer_file(
    const CommandContext& context, const wg::PrivateKey& key,
    const std::vector<TunnelAddress>& addresses, bool with_others) {
  const auto hub = write_hub_sections(context, false);
  if (!hub) return base::Unexpected(hub.error());
  base::Octets32 octets{};
  std::copy(key.bytes().begin(), key.bytes().end(), octets.begin());
  std::string own;
  for (const auto& [address, length] : addresses)
    own += fmt::format("{}{}/{}", own.empty() ? "" : ", ", address.to_string(), length);
  std::string text = fmt::format("[Interface]\nPrivateKey = {}\nAddress = {}\n\n{}",
                                 base::to_base64(octets), own, *hub);
  OPENSSL_cleanse(octets.data(), octets.size());
  if (with_others) text += write_other_sections(context);
  return text;
}

std::vector<std::string> tell_what_works(const CommandContext& context, const std::string& name,
                                         bool with_others) {
  return {
      tell_hub(context, name), tell_others(context, with_others),
      "Does not work with a stock client: a direct way to a peer behind another NAT, which takes "
      "wg-updater on both sides."};
}

}  // namespace dnsd
