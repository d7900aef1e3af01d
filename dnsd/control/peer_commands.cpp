#include "dnsd/control/peer_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/to_line.hpp"
#include "dnsd/control/added_peers.hpp"
#include "noise/key_file.hpp"
#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

constexpr int exit_refused = 1;
constexpr int exit_usage = 2;
/// As the README recommends: NATs forget a mapping after 30 s at the earliest.
constexpr int keepalive_seconds = 25;

control::Reply refuse(int exit, std::string why) {
  return {.text = {}, .result = {.exit = exit, .error = std::move(why)}};
}

/// Done, and something else is wrong.
control::Reply tell(const char* done, const std::string& problem) {
  return {.text = {}, .result = {.exit = 0, .error = fmt::format("{}: {}", done, problem)}};
}

/// Finds a peer by its name, in any case, or by its public key. \return nullptr: there is none
const ConfiguredPeer* find_peer(const Config& config, const std::string& who) {
  const auto key = wg::PublicKey::parse(who);
  const auto found =
      std::find_if(config.peers.begin(), config.peers.end(), [&](const ConfiguredPeer& peer) {
        if (key) return peer.public_key == *key;
        return !peer.name.empty() && base::equals_ignoring_case(peer.name, who);
      });
  return found == config.peers.end() ? nullptr : &*found;
}

control::Reply refuse_unknown(const std::string& who) {
  return refuse(exit_refused,
                fmt::format("no peer '{}' is configured: give its name or its public key; see "
                            "wg-dnsd peer list",
                            who));
}

control::Reply list_keys(const CommandContext& context) {
  if (context.observatory.points().opened().empty())
    return refuse(exit_refused, "no built-in point is configured: see --observe");
  control::Reply reply;
  for (const ObservationPoint* point : context.observatory.points().opened())
    reply.text += fmt::format("{} {}\n", point->public_key().to_base64(),
                              point->settings().listen.to_string());
  return reply;
}

control::Reply print_config(const std::string& who, const CommandContext& context) {
  const ConfiguredPeer* const peer = find_peer(context.config, who);
  if (peer == nullptr) return refuse_unknown(who);
  if (context.observatory.points().opened().empty())
    return refuse(exit_refused, "no built-in point is configured: see --observe");
  control::Reply reply;
  for (const ObservationPoint* point : context.observatory.points().opened()) {
    const base::Endpoint& listen = point->settings().listen;
    const bool is_loopback = listen.address.is_loopback();  // for peers on this host
    const auto endpoint =
        is_loopback ? std::optional(listen) : context.observatory.reached_at(listen);
    if (!endpoint)
      return refuse(exit_refused,
                    fmt::format("the address of the point {} is not known: name it with --ns "
                                "NAME=ADDRESS, or observe there",
                                listen.to_string()));
    if (!reply.text.empty()) reply.text += '\n';
    reply.text += fmt::format("[Peer]\nPublicKey = {}\n", point->public_key().to_base64());
    if (peer->preshared_key) reply.text += "# PresharedKey = (the one that this peer has)\n";
    reply.text += fmt::format("Endpoint = {}\n", endpoint->to_string());
    std::string allowed;
    for (const base::IpAddress& address : point->settings().tunnel_addresses)
      allowed += fmt::format("{}{}/{}", allowed.empty() ? "" : ", ", address.to_string(),
                             address.is_ipv4() ? 32 : 128);
    if (!allowed.empty()) reply.text += fmt::format("AllowedIPs = {}\n", allowed);
    reply.text += fmt::format("PersistentKeepalive = {}\n", keepalive_seconds);
  }
  return reply;
}

/// Reads the words of `peer add`. \return what is wrong with them; nullopt: nothing
std::optional<std::string> read_words(const ControlRequest& request, ConfiguredPeer& peer) {
  const auto key = wg::PublicKey::parse(request.key);
  if (!key || key->is_zero())
    return fmt::format("'{}' is not a public key: 44 characters, as `wg pubkey` prints them",
                       request.key);
  peer.public_key = *key;
  if (const auto wrong = schema::check_peer_label(request.name))
    return fmt::format("the name '{}' {}", request.name, *wrong);
  peer.name = request.name;
  for (const std::string& text : request.allowed_ips) {
    const auto prefix = base::Prefix::parse(text);
    if (!prefix) return fmt::format("'{}' is not ADDRESS or ADDRESS/LENGTH", text);
    peer.allowed_ips.push_back(*prefix);
  }
  if (request.preshared_key_file.empty()) return std::nullopt;
  auto psk = noise::read_preshared_key(request.preshared_key_file);
  if (!psk) return psk.error();
  peer.preshared_key = *psk;
  return std::nullopt;
}

control::Reply add(const ControlRequest& request, const CommandContext& context) {
  ConfiguredPeer peer;
  if (auto wrong = read_words(request, peer)) return refuse(exit_usage, std::move(*wrong));
  for (const std::string& known : {request.key, request.name}) {
    if (find_peer(context.config, known) != nullptr)
      return refuse(exit_refused, fmt::format("there is a peer '{}' already", known));
  }
  const std::string file = added_peers_file(context.config);
  if (const auto added = append_peer(file, peer); !added)
    return refuse(exit_refused, added.error());
  auto problem = context.reload();
  if (!problem) return {};
  // The reload may have done this, and failed at something else.
  if (find_peer(context.config, request.key) != nullptr) return tell("added, but", *problem);
  (void)erase_peer(file, peer.public_key);
  return refuse(exit_refused, std::move(*problem));
}

control::Reply remove(const std::string& who, const CommandContext& context) {
  const ConfiguredPeer* const peer = find_peer(context.config, who);
  if (peer == nullptr) return refuse_unknown(who);
  const ConfiguredPeer old = *peer;
  const std::string file = added_peers_file(context.config);
  const auto removed = erase_peer(file, old.public_key);
  if (!removed) return refuse(exit_refused, removed.error());
  if (!*removed)
    return refuse(exit_refused,
                  fmt::format("{} is defined in the configuration: remove it there, then run "
                              "wg-dnsd reload",
                              wg::describe_peer(old.name, old.public_key)));
  auto problem = context.reload();
  if (!problem) return {};
  if (find_peer(context.config, old.public_key.to_base64()) == nullptr)
    return tell("removed, but", *problem);
  (void)append_peer(file, old);
  return refuse(exit_refused, std::move(*problem));
}

control::Reply list(bool json, const CommandContext& context) {
  control::Reply reply;
  for (const ConfiguredPeer& peer : context.config.peers) {
    std::vector<std::string> allowed;
    for (const base::Prefix& prefix : peer.allowed_ips) allowed.push_back(prefix.to_string());
    if (json) {
      const nlohmann::ordered_json line{{"public_key", peer.public_key.to_base64()},
                                        {"name", peer.name},
                                        {"allowed_ips", allowed},
                                        {"preshared_key", peer.preshared_key.has_value()}};
      reply.text += control::to_line(line);
    } else {
      reply.text += fmt::format("{} {} {}\n", peer.public_key.to_base64(),
                                peer.name.empty() ? "-" : peer.name,
                                allowed.empty() ? "-" : fmt::format("{}", fmt::join(allowed, ",")));
    }
  }
  return reply;
}

control::Reply reset(const std::string& who, const CommandContext& context) {
  const ConfiguredPeer* const peer = find_peer(context.config, who);
  if (peer == nullptr) return refuse_unknown(who);
  context.observatory.points().reset_peer(peer->public_key);
  return {};
}

}  // namespace

control::Reply run_peer_command(const ControlRequest& request, const CommandContext& context) {
  using Command = ControlRequest::Command;
  switch (request.command) {
    case Command::pubkey:
      return list_keys(context);
    case Command::peer_config:
      return print_config(request.name, context);
    case Command::peer_add:
      return add(request, context);
    case Command::peer_remove:
      return remove(request.name, context);
    case Command::peer_list:
      return list(request.json, context);
    case Command::peer_reset:
      return reset(request.name, context);
    default:
      return refuse(exit_usage, "not a command about peers");
  }
}

}  // namespace dnsd
