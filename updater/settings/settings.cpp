#include "updater/settings/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace updater {

std::optional<HubPlace> parse_hub_place(std::string_view text) {
  if (text.find_first_of(" \t\r\n") != std::string_view::npos) return std::nullopt;
  const auto parsed = wg::parse_config_endpoint(text);
  if (!parsed) return std::nullopt;
  const auto* endpoint = std::get_if<base::Endpoint>(&*parsed);
  HubPlace place = endpoint != nullptr ? HubPlace{endpoint->address.to_string(), endpoint->port}
                                       : std::get<HubPlace>(*parsed);
  if (place.port == base::Port{0} || place.host.empty() || place.host == "*") return std::nullopt;
  return place;
}

std::string to_string(const HubPlace& place) {
  const bool is_ipv6 = place.host.find(':') != std::string::npos;
  const std::uint16_t port = base::to_number(place.port);
  return is_ipv6 ? fmt::format("[{}]:{}", place.host, port)
                 : fmt::format("{}:{}", place.host, port);
}

std::string_view to_string(RelayUse use) {
  switch (use) {
    case RelayUse::fallback:
      return "fallback";
    case RelayUse::first:
      return "first";
    case RelayUse::never:
      return "never";
  }
  return "";
}

std::optional<RelayUse> parse_relay_use(std::string_view text) {
  for (const RelayUse use : {RelayUse::fallback, RelayUse::first, RelayUse::never}) {
    if (text == to_string(use)) return use;
  }
  return std::nullopt;
}

const PeerSettings& Settings::of(const wg::PublicKey& peer) const {
  static const PeerSettings like_all;
  const auto found = peers.find(peer);
  return found == peers.end() ? like_all : found->second;
}

bool Settings::uses_relay() const {
  return relay != RelayUse::never || std::any_of(peers.begin(), peers.end(), [](const auto& item) {
           return item.second.relay.value_or(RelayUse::never) != RelayUse::never;
         });
}

const std::string& Settings::name_of(const wg::PublicKey& peer) const {
  static const std::string none;
  const std::string& own = of(peer).name;
  if (!own.empty()) return own;
  const auto found = names.find(peer);
  return found == names.end() ? none : found->second;
}

std::string Settings::describe(const wg::PublicKey& peer) const {
  return wg::describe_peer(name_of(peer), peer);
}

}  // namespace updater
