#include "updater/plan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace updater {
namespace {

std::string write_allowed_ips(const std::vector<base::Prefix>& prefixes) {
  std::string text;
  for (const base::Prefix& prefix : prefixes)
    text += (text.empty() ? "allowed-ips " : " ") + prefix.to_string();
  return text.empty() ? "no allowed-ips" : text;
}

/// A kick leaves the device as it was.
std::vector<wg::PeerUpdate> without_kick(std::vector<wg::PeerUpdate> updates) {
  const auto off = std::find_if(updates.begin(), updates.end(), [&](const wg::PeerUpdate& one) {
    return one.persistent_keepalive == std::chrono::seconds(0) && &one != &updates.back();
  });
  if (off == updates.end()) return updates;
  for (auto update = off; update != updates.end(); ++update) update->persistent_keepalive.reset();
  return updates;
}

}  // namespace

const RelayHub* Scene::find_relay(const wg::PublicKey& key) const {
  const auto found = std::find_if(relays.begin(), relays.end(),
                                  [&](const RelayHub& hub) { return hub.key == key; });
  return found == relays.end() ? nullptr : &*found;
}

const RelayHub* Scene::find_relay_at(const std::optional<base::Endpoint>& endpoint) const {
  const auto found = std::find_if(relays.begin(), relays.end(),
                                  [&](const RelayHub& hub) { return hub.endpoint == endpoint; });
  return found == relays.end() ? nullptr : &*found;
}

void Plan::add_via(const wg::PublicKey& hub, const wg::PublicKey& peer) {
  const auto found =
      std::find_if(vias.begin(), vias.end(), [&](const ViaRequest& via) { return via.hub == hub; });
  if (found == vias.end()) {
    vias.push_back({hub, {peer}});
  } else {
    found->peers.push_back(peer);
  }
}

std::vector<wg::PeerUpdate> make_kick(const wg::PublicKey& peer, std::chrono::seconds keepalive) {
  return {{peer, std::nullopt, std::chrono::seconds(0)}, {peer, std::nullopt, keepalive}};
}

std::vector<wg::PeerUpdate> make_move(const wg::DevicePeer& shown, const base::Endpoint& endpoint) {
  if (shown.endpoint == endpoint) return {};
  return {{shown.public_key, endpoint, std::nullopt}};
}

void append(std::vector<wg::PeerUpdate>& updates, const std::vector<wg::PeerUpdate>& more) {
  updates.insert(updates.end(), more.begin(), more.end());
}

std::string describe(const std::vector<wg::PeerUpdate>& updates) {
  std::string text;
  const auto append = [&](const std::string& part) {
    if (!text.empty()) text += ", ";
    text += part;
  };
  const wg::PeerUpdate* previous = nullptr;
  for (const wg::PeerUpdate& update : updates) {
    if (update.endpoint) append("endpoint " + update.endpoint->to_string());
    const bool is_first_half =
        update.persistent_keepalive == std::chrono::seconds(0) && &update != &updates.back();
    if (update.persistent_keepalive && !is_first_half) {
      if (previous != nullptr && previous->persistent_keepalive == std::chrono::seconds(0))
        append("kick");
      append(update.persistent_keepalive->count() == 0
                 ? "keepalive off"
                 : fmt::format("keepalive {} s", update.persistent_keepalive->count()));
    }
    for (const base::Prefix& prefix : update.more_allowed_ips) {
      const bool is_own = update.public_key == updates.back().public_key;
      append(is_own ? "allowed-ip " + prefix.to_string()
                    : prefix.to_string() + " to " + wg::describe_peer("", update.public_key));
    }
    if (update.allowed_ips) append(write_allowed_ips(*update.allowed_ips));
    previous = &update;
  }
  return text;
}

Note make_note(const Change& change) {
  const std::string all = describe(change.updates);
  if (change.level == Note::Level::detail)
    return {change.level, all + ": " + change.reason, change.peer};
  const std::string shown = describe(without_kick(change.updates));
  std::string mechanism = change.mechanism;
  if (all != shown) mechanism = mechanism.empty() ? all : all + ": " + mechanism;
  return {change.level, shown.empty() ? change.reason : shown + ": " + change.reason, change.peer,
          std::move(mechanism)};
}

std::string to_string(const Note& note, const Settings& settings) {
  return note.peer ? settings.describe(*note.peer) + ": " + note.text : note.text;
}

std::chrono::milliseconds jittered(std::chrono::milliseconds mean, std::minstd_rand& random,
                                   int percent) {
  const std::int64_t width = mean.count() * percent / 100;
  std::uniform_int_distribution<std::int64_t> spread(mean.count() - width, mean.count() + width);
  return std::chrono::milliseconds(spread(random));
}

}  // namespace updater
