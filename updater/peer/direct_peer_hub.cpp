#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "updater/peer/direct_peer.hpp"

// What follows for a peer that is a hub, though no configuration names it: it is not punched.
namespace updater {

/// The configuration names no hub, and this peer is where the zone is served.
void DirectPeer::notice_hub(Turn& turn) {
  const auto& endpoint = turn.shown.endpoint;
  const auto& published = known_.dns().endpoints();
  const auto& servers = turn.scene.name_servers;
  const bool is_hub = endpoint &&
                      std::find(published.begin(), published.end(), *endpoint) != published.end() &&
                      std::find(servers.begin(), servers.end(), endpoint->address) != servers.end();
  if (is_hub && !is_found_hub_)
    turn.tell(
        Note::Level::trouble,
        fmt::format("it is the public host: DNS has it at {}, where the zone is served. Its "
                    "endpoint is left alone. Add `hub: {}` to the configuration: only then is it "
                    "looked for when it does not answer",
                    endpoint->to_string(), key_.to_base64()));
  is_found_hub_ = is_hub;
}

/// Whether the peer is left alone, because it is a hub. Ends an attempt that is under way.
bool DirectPeer::rests(Turn& turn) {
  const bool is_hub = known_.dns().is_hub();
  if (is_hub != rests_)
    turn.tell(Note::Level::trouble,
              is_hub ? "DNS calls it the public host (role=hub), so no direct way is tried. The "
                       "configuration (hub) does not name it, so it is trusted with nothing else"
                     : "DNS does not call it the public host any more");
  if (std::exchange(rests_, is_hub) && !is_hub)
    news_ = "DNS does not call it the public host any more";
  if (!is_hub && !is_found_hub_) return false;
  if (!attempt_) return true;
  auto updates = attempt_->leave(turn.shown);
  attempt_.reset();
  state_ = State::waiting;
  if (!updates.empty())
    turn.write(std::move(updates),
               is_hub ? "DNS calls it the public host" : "it is the public host");
  return true;
}

}  // namespace updater
