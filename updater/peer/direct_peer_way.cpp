#include <string>
#include <utility>

#include "updater/peer/direct_peer.hpp"
#include "updater/tunnel/mesh_routes.hpp"
#include "updater/tunnel/tunnel_address.hpp"

// The way to a direct peer: who has the allowed-ips of one that joined the mesh, and the echo
// requests that go through a peer's own session. mesh_way.cpp decides when the way changes,
// tunnel/mesh_routes.cpp knows the writes. One thread: the caller's.
namespace updater {

/// A peer that we added gets its allowed-ips with its session, and loses them with it.
void DirectPeer::choose_way(Turn& turn, const SessionHealth::Verdict& verdict) {
  const PeerMemory& memory = turn.memory;
  if (memory.mesh != PeerMemory::Mesh::added || turn.settings.one_round) {
    way_.reset();
    return;
  }
  const bool has = has_all(turn.shown, memory.routes);
  if (!way_) way_ = MeshWay(has);
  const bool has_hub = !memory.lenders.empty() ||
                       has_detour(memory.routes, key_, turn.scene.device, turn.scene.gateways);
  const MeshWay::Sight sight{turn.now(), health_, verdict.session, has_hub, round_trip_};
  if (!may_take(turn))
    way_ = MeshWay(false);
  else
    way_->step(sight);
  if (way_->way() == MeshWay::Way::hub) {
    if (has_any(turn.shown, memory.routes))
      turn.write(make_return(turn.shown, memory),
                 sight.has_detour ? "its own session does not carry them, so the hub does"
                                  : "it has no session of its own");
    return;
  }
  if (!has)
    turn.write(make_take(turn.shown, turn.scene.device, turn.scene.gateways, turn.memory),
               "its own session works");
  if (way_->wants_echo(sight) && find_target(turn)) send_echo(turn);
}

/// Whether nobody but the hub has the peer's routes. Notes it once where somebody has.
bool DirectPeer::may_take(Turn& turn) {
  if (turn.settings.mesh.ranges.empty()) return false;
  std::string owner;
  for (const base::Prefix& route : turn.memory.routes) {
    if (!owner.empty()) break;
    owner = find_owner(route, key_, turn.scene.device, turn.scene.gateways, turn.settings)
                .value_or(std::string());
  }
  if (!owner.empty() && owner != route_owner_)
    turn.tell(Note::Level::trouble, "gets no allowed-ips: " + owner);
  route_owner_ = owner;
  return owner.empty();
}

/// \pre find_target()
void DirectPeer::send_echo(Turn& turn) {
  const base::SteadyTime now = turn.now();
  probed_ = now;
  ++unanswered_echoes_;
  if (local_change_ && !local_change_->asked) local_change_->asked = now;
  health_.expect_echo(now);
  if (way_) way_->ask(now);
  turn.scene.limit.send_echo(key_);
  turn.plan.probes.push_back({key_, *find_target(turn)});
}

/// The peer's own address, if this device can talk to it, and packets to it go through its own
/// session.
std::optional<base::IpAddress> DirectPeer::find_target(const Turn& turn) const {
  if (way_ && way_->way() == MeshWay::Way::hub) return std::nullopt;
  return find_tunnel_address(way_ ? turn.memory.routes : turn.shown.allowed_ips, turn.scene.device,
                             turn.scene.host);
}

}  // namespace updater
