#include <fmt/format.h>

#include <algorithm>

#include "updater/peer/candidates.hpp"
#include "updater/report/doctor.hpp"
#include "updater/tunnel/mesh_routes.hpp"

// The checks of the device, its peers and the clock.
namespace updater {
namespace {

using namespace std::chrono_literals;
using control::Diagnosis;
using wg::session_life;
using Level = Diagnosis::Level;
using Diagnoses = std::vector<Diagnosis>;

/// A longer keepalive is reported: few NATs keep an idle mapping for much longer.
constexpr auto longest_keepalive = 60s;

/// At most this many peers that are not reachable have a line of their own.
constexpr std::size_t max_unreached = 20;

constexpr const char* keepalive_remedy =
    "PersistentKeepalive = 25 in this peer's section of this host's WireGuard configuration";

constexpr const char* hub_remedy =
    "Endpoint = HOST:PORT in this peer's section, or hub-endpoint: HOST:PORT for wg-updater, which "
    "then follows the public host to where it is";

/// What the daemon knows of a hub that it looks for. \return whether there is anything.
bool check_search(const DoctorFacts& facts, const wg::DevicePeer& hub, Diagnoses& found) {
  const auto problem = facts.daemon.hub_problems.find(hub.public_key);
  if (problem == facts.daemon.hub_problems.end()) return false;
  found.push_back({Level::problem, "hub",
                   fmt::format("the public host {}: {}", facts.daemon.describe(hub.public_key),
                               problem->second),
                   hub_remedy});
  return true;
}

void check_endpoint(const DoctorFacts& facts, const wg::DevicePeer& hub, Diagnoses& found) {
  const std::string name = facts.daemon.describe(hub.public_key);
  if (!hub.endpoint) {
    found.push_back({Level::problem, "hub", fmt::format("the public host {} has no endpoint", name),
                     hub_remedy});
    return;
  }
  if (const auto reason = refuse_endpoint(*hub.endpoint, facts.device, facts.host)) {
    found.push_back({Level::problem, "hub",
                     fmt::format("the public host's endpoint {} cannot work: {}",
                                 hub.endpoint->to_string(), *reason),
                     "correct Endpoint, or the AllowedIPs that contain it"});
  }
}

void check_handshake(const DoctorFacts& facts, const wg::DevicePeer& hub, Diagnoses& found) {
  const std::string where = hub.endpoint ? hub.endpoint->to_string() : "no endpoint";
  constexpr const char* remedy =
      "check the host's Endpoint and key, that UDP to it may leave, that the host knows this key, "
      "and that this host's clock was not set back: then the host silently ignores it";
  if (!hub.latest_handshake) {
    found.push_back({Level::problem, "handshake",
                     fmt::format("the public host at {} has never completed a handshake, {} octets "
                                 "were sent and {} received",
                                 where, hub.tx_bytes, hub.rx_bytes),
                     remedy});
    return;
  }
  const auto age = std::chrono::floor<std::chrono::seconds>(facts.now - *hub.latest_handshake);
  if (age < -DoctorFacts::clock_tolerance) return;  // reported as a fault of the clock
  if (age >= session_life) {
    found.push_back(
        {Level::problem, "handshake",
         fmt::format("the public host at {} has been silent for {} s", where, age.count()),
         remedy});
  } else {
    found.push_back({Level::ok, "handshake",
                     fmt::format("the public host at {} answered {} s ago", where,
                                 std::max<std::int64_t>(age.count(), 0)),
                     ""});
  }
}

void check_keepalive(const DoctorFacts& facts, const wg::DevicePeer& hub, Diagnoses& found) {
  const auto user = facts.daemon.user_keepalives.find(hub.public_key);
  const auto shown = hub.persistent_keepalive;
  if (shown == 0s) {
    found.push_back({Level::problem, "keepalive",
                     "no keepalive goes to the public host: it loses sight of this host as soon as "
                     "the NAT forgets it",
                     keepalive_remedy});
  } else if (shown > longest_keepalive) {
    found.push_back({Level::warning, "keepalive",
                     fmt::format("a keepalive goes to the public host every {} s only; many NATs "
                                 "forget sooner",
                                 shown.count()),
                     keepalive_remedy});
  } else if (user != facts.daemon.user_keepalives.end() && user->second == 0) {
    found.push_back({Level::note, "keepalive",
                     fmt::format("the keepalive of {} s to the public host is wg-updater's, and "
                                 "ends with it",
                                 shown.count()),
                     keepalive_remedy});
  } else {
    found.push_back({Level::ok, "keepalive",
                     fmt::format("a keepalive goes to the public host every {} s", shown.count()),
                     ""});
  }
}

void check_clock(const DoctorFacts& facts, Diagnoses& found) {
  constexpr const char* remedy =
      "set the clock, and keep it by NTP; peers ignore this host until it is ahead of its last "
      "handshake: wg-dnsd peer reset on the public host ends that at once";
  const auto complain = [&](std::chrono::seconds behind, const char* what) {
    found.push_back({Level::problem, "clock",
                     fmt::format("this host's clock is behind: {} is dated {} s in the future",
                                 what, behind.count()),
                     remedy});
  };
  if (facts.saved && *facts.saved > facts.now + DoctorFacts::clock_tolerance)
    return complain(*facts.saved - facts.now, "wg-updater's state file");
  for (const wg::DevicePeer& peer : facts.device.peers) {
    if (!peer.latest_handshake ||
        *peer.latest_handshake <= facts.now + DoctorFacts::clock_tolerance)
      continue;
    return complain(std::chrono::ceil<std::chrono::seconds>(*peer.latest_handshake - facts.now),
                    "the last handshake of a peer");
  }
  found.push_back({Level::ok, "clock", "nothing that this host knows is ahead of its clock", ""});
}

/// The peers that the daemon manages, and does not reach.
void check_reach(const DoctorFacts& facts, Diagnoses& found) {
  if (!facts.daemon.unreached) {
    found.push_back({Level::note, "reach", "the daemon is not asked, so its peers are not judged",
                     fmt::format("wg-updater doctor {}, without --zone and --config, while it runs",
                                 facts.device.name)});
    return;
  }
  const auto& unreached = *facts.daemon.unreached;
  if (unreached.empty())
    found.push_back({Level::ok, "reach", "every peer that wg-updater manages is reached", ""});
  std::size_t count = 0;
  for (const auto& [key, why] : unreached) {
    if (++count > max_unreached) {
      found.push_back({Level::warning, "reach",
                       fmt::format("and {} other peers are not reachable either",
                                   unreached.size() - max_unreached),
                       fmt::format("wg-updater status {}", facts.device.name)});
      return;
    }
    found.push_back({Level::warning, "reach",
                     fmt::format("{} is not reachable: {}", facts.daemon.describe_whole(key), why),
                     fmt::format("if it is switched on: wg-updater why {} {} says what was tried, "
                                 "and what can be done",
                                 facts.device.name, key.to_base64())});
  }
}

/// WireGuard gives a prefix to one peer only, and silently takes it from the peer that had it.
void check_allowed_ips(const DoctorFacts& facts, Diagnoses& found) {
  for (const wg::DevicePeer& peer : facts.device.peers) {
    if (!peer.allowed_ips.empty() || facts.members.count(peer.public_key) != 0) continue;
    found.push_back({Level::warning, "allowed-ips",
                     fmt::format("{} has no AllowedIPs, so nothing is sent to it",
                                 facts.daemon.describe_whole(peer.public_key)),
                     "give it some; each prefix belongs to one peer, the last one that names it"});
  }
}

/// A peer's allowed-ips go nowhere while it has no session. That is the operator's choice.
void check_detours(const DoctorFacts& facts, Diagnoses& found) {
  const auto gateways = find_gateways(facts.device, facts.daemon.hubs,
                                      facts.daemon.private_server
                                          ? std::optional(facts.daemon.private_server->address)
                                          : std::nullopt);
  for (const wg::DevicePeer& peer : facts.device.peers) {
    const bool is_live = peer.latest_handshake && facts.now - *peer.latest_handshake < session_life;
    if (is_live || gateways.count(peer.public_key) != 0 ||
        !has_detour(peer.allowed_ips, peer.public_key, facts.device, gateways))
      continue;
    found.push_back({Level::note, "detour",
                     fmt::format("{} has no session, and its addresses could go through the hub, "
                                 "whose AllowedIPs contain them",
                                 facts.daemon.describe_whole(peer.public_key)),
                     "take them from this peer, or remove it and let `mesh` add it, which gives "
                     "them to it while its session works; or leave it: no other peer gets its "
                     "packets"});
  }
}

}  // namespace

std::vector<Diagnosis> examine_device(const DoctorFacts& facts) {
  Diagnoses found;
  for (const wg::DevicePeer& peer : facts.device.peers) {
    if (facts.daemon.hubs.count(peer.public_key) == 0) continue;
    if (!check_search(facts, peer, found) || peer.endpoint) check_endpoint(facts, peer, found);
    check_handshake(facts, peer, found);
    check_keepalive(facts, peer, found);
  }
  check_clock(facts, found);
  check_reach(facts, found);
  check_allowed_ips(facts, found);
  check_detours(facts, found);
  return found;
}

}  // namespace updater
