#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "base/interfaces.hpp"
#include "schema/nat_mapping.hpp"
#include "updater/settings/settings.hpp"
#include "wg/device.hpp"

/// What goes into the state machine and what comes out of it. All of it is data: the machine
/// touches neither a device nor a socket nor a clock.
namespace updater {

/// The world at one step. Borrowed for the call.
struct Scene {
  base::Now now;
  const wg::Device& device;                      ///< read just now
  std::span<const base::InterfaceAddress> host;  ///< this host's addresses
  std::minstd_rand& random;                      ///< for jitter
  std::span<const base::IpAddress> hubs = {};    ///< where the hubs are
  /// Where DNS says that this host is; none: not known yet.
  std::optional<std::span<const base::Endpoint>> own = {};
  /// How this host's own NAT maps; none: nobody tells it.
  std::optional<schema::NatMapping> own_mapping = std::nullopt;
};

/// Look this peer up now.
struct LookupRequest {
  wg::PublicKey peer;
  bool with_text = false;  ///< ask for its TXT record, too

  friend bool operator==(const LookupRequest&, const LookupRequest&) = default;
};

/// One ICMP echo request to a peer's own address inside the tunnel.
struct Probe {
  wg::PublicKey peer;
  base::IpAddress target;

  friend bool operator==(const Probe&, const Probe&) = default;
};

/// One line for the log.
struct Note {
  enum class Level : std::uint8_t { detail, change, trouble };
  Level level{};
  std::string text;
  std::optional<wg::PublicKey> peer = std::nullopt;  ///< whose; the machine fills it in
};

/// A write to one peer, and why. Its updates belong into one transaction, in order.
struct Change {
  wg::PublicKey peer;
  std::vector<wg::PeerUpdate> updates;
  std::string reason;
  Note::Level level = Note::Level::change;  ///< of its line in the log
};

/// What to do now, in this order: remember, write, probe, look up, tell.
struct Plan {
  bool remember = false;  ///< the memory changed and has to be on disk before the writes
  std::vector<Change> changes;
  std::vector<Probe> probes;
  std::vector<LookupRequest> lookups;
  std::vector<wg::PublicKey> lan_lookups;  ///< ask what these say of their own networks
  std::vector<Note> notes;
  base::SteadyTime next;  ///< read the device and step again, at the latest
};

/// A keepalive turned from 0 to its value sends at once (design §4.7): one transaction, two
/// updates.
[[nodiscard]] std::vector<wg::PeerUpdate> make_kick(const wg::PublicKey& peer,
                                                    std::chrono::seconds keepalive);

/// The endpoint where it is another one; nothing where it is set.
[[nodiscard]] std::vector<wg::PeerUpdate> make_move(const wg::DevicePeer& shown,
                                                    const base::Endpoint& endpoint);
void append(std::vector<wg::PeerUpdate>& updates, const std::vector<wg::PeerUpdate>& more);

/// For the log: `endpoint 203.0.113.10:51820, kick, keepalive 25 s`.
[[nodiscard]] std::string describe(const std::vector<wg::PeerUpdate>& updates);

/// `mean` ± `percent`, so that a fleet does not act in step.
[[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds mean,
                                                 std::minstd_rand& random, int percent = 20);

}  // namespace updater
