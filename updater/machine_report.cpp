#include <algorithm>
#include <chrono>

#include "updater/machine.hpp"
#include "updater/report/doctor_facts.hpp"
#include "updater/tunnel/mesh_routes.hpp"

// What the machine tells of itself: `status`, `why` and the doctor. One thread: the caller's.
namespace updater {

Report Machine::describe(const base::Now& now, const wg::Device& device) const {
  Report report;
  if (own_ && !own_->endpoints().empty()) report.seen_at = own_->endpoints().front();
  if (own_) report.nat = own_->mapping();
  for (const wg::DevicePeer& shown : device.peers) {
    if (shown.latest_handshake &&
        *shown.latest_handshake > now.wall + DoctorFacts::clock_tolerance) {
      const auto behind =
          std::chrono::ceil<std::chrono::seconds>(*shown.latest_handshake - now.wall);
      report.clock_behind = std::max(report.clock_behind.value_or(behind), behind);
    }
    const auto known = peers_.find(shown.public_key);
    if (known == peers_.end()) continue;
    report.peers.push_back(describe_peer(now, shown, known->second));
    describe_routes(device, shown, report.peers.back());
  }
  return report;
}

void Machine::describe_routes(const wg::Device& device, const wg::DevicePeer& shown,
                              PeerReport& report) const {
  const auto gateways = find_gateways(device, settings_.hubs, settings_.private_server);
  if (gateways.count(shown.public_key) != 0) return;
  const auto memory = memory_.find(shown.public_key);
  report.is_member = memory != memory_.end() && memory->second.mesh == PeerMemory::Mesh::added;
  const auto& routes = report.is_member ? memory->second.routes : shown.allowed_ips;
  report.is_routed = report.is_member && !has_all(shown, routes);
  report.has_detour = (report.is_member && !memory->second.lenders.empty()) ||
                      has_detour(routes, shown.public_key, device, gateways);
}

PeerReport Machine::describe_peer(const base::Now& now, const wg::DevicePeer& shown,
                                  const Role& role) const {
  PeerReport report;
  if (const auto* direct = std::get_if<DirectPeer>(&role)) {
    report = direct->describe(now, shown);
  } else {
    const auto* hub = std::get_if<Hub>(&role);
    report.key = shown.public_key;
    report.is_hub = hub != nullptr;
    report.state = report.is_hub ? "hub" : "ignored";
    if (hub != nullptr) report.problem = hub->describe(now.steady);
    report.endpoint = shown.endpoint;
    report.endpoint_from = shown.endpoint ? "wireguard" : "-";
    report.rx_bytes = shown.rx_bytes;
    report.tx_bytes = shown.tx_bytes;
    const auto handshake = hub != nullptr ? hub->health().last_handshake() : std::nullopt;
    if (handshake)
      report.handshake_age =
          std::chrono::duration_cast<std::chrono::seconds>(now.steady - *handshake);
  }
  report.name = settings_.name_of(report.key);
  if (const auto story = stories_.find(report.key); story != stories_.end())
    report.story = story->second;
  return report;
}

}  // namespace updater
