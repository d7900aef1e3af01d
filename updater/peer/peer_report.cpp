#include "updater/peer/peer_report.hpp"

#include <utility>

#include "wg/device.hpp"

namespace updater {
namespace {

constexpr std::size_t max_events = 100;

}  // namespace

void Story::add(base::WallTime when, std::string text) {
  if (!events_.empty() && events_.back().text == text) {
    events_.back().when = when;
    ++events_.back().times;
    return;
  }
  events_.push_back({when, std::move(text)});
  if (events_.size() > max_events) events_.pop_front();
}

std::string_view PeerReport::path() const {
  if (is_routed) return has_detour ? "hub" : "none";
  if (relay) return "relay";
  const bool has_session =
      is_hub ? handshake_age && *handshake_age < wg::session_life && problem.empty() : is_direct();
  if (!has_session) return "none";
  const bool is_private =
      endpoint &&
      (endpoint_from == "lan" || endpoint->address.scope() == base::AddressScope::private_use);
  return is_private ? "lan" : "direct";
}

}  // namespace updater
