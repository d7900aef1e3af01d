#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/updater/samples.hpp"
#include "updater/machine.hpp"

/// One machine with two peers: bob, a direct peer, and the hub.
namespace one_machine {

using namespace samples;
using updater::Change;
using updater::LookupError;
using updater::Machine;
using updater::Plan;

inline const auto bob = key(0x50);
inline const auto hub = key(0x01);
inline const auto smaller = key(0x20);  ///< smaller than bob's key
inline const auto larger = key(0x90);
inline const std::string hub_home = "198.51.100.1:51820";
inline const std::string bob_home = "203.0.113.10:51820";
inline const std::string bob_moved = "203.0.113.77:4711";

/// One machine and a device that carries its plans out. Time is the argument of step().
class Rig {
 public:
  explicit Rig(const wg::PublicKey& own_key, updater::Memory memory = {},
               updater::Settings settings = {{hub}, 25s, false})
      : machine_(std::move(settings), std::move(memory), 1) {
    device_.name = "wg0";
    device_.public_key = own_key;
    for (const auto& peer : {bob, hub}) {
      wg::DevicePeer shown;
      shown.public_key = peer;
      device_.peers.push_back(shown);
    }
    at_bob().allowed_ips = {prefix("10.77.0.3/32")};
    at_hub().endpoint = endpoint(hub_home);
    at_hub().persistent_keepalive = 25s;
    at_hub().latest_handshake = handshake_at(-1);
  }

  wg::DevicePeer& at_bob() { return device_.peers[0]; }
  wg::DevicePeer& at_hub() { return device_.peers[1]; }
  wg::Device& device() { return device_; }
  Machine& machine() { return machine_; }
  void keep_hub_alive(bool is_alive) { is_hub_alive_ = is_alive; }
  void set_host(std::vector<base::InterfaceAddress> host) { host_ = std::move(host); }

  /// This host gets another connection. \param towards_bob also the source of packets to bob
  /// changes.
  void change_local(double seconds, bool towards_bob = true) {
    std::set<base::IpAddress> source_changed;
    if (towards_bob && at_bob().endpoint) source_changed.insert(at_bob().endpoint->address);
    machine_.change_local(at(seconds), source_changed);
  }

  /// Steps, and carries the plan out on the device. The hub stays alive, unless told otherwise.
  Plan step(double seconds) {
    if (is_hub_alive_) {
      at_hub().rx_bytes += 32;
      at_hub().latest_handshake = handshake_at(seconds);
    }
    Plan plan = machine_.step(at(seconds), device_, host_);
    apply(plan.changes);
    std::erase_if(plan.lookups,
                  [&](const auto& lookup) { return lookup.peer == device_.public_key; });
    return plan;
  }
  void apply(const std::vector<Change>& changes) {
    for (const Change& change : changes) {
      for (const wg::PeerUpdate& update : change.updates) {
        for (wg::DevicePeer& peer : device_.peers) {
          if (peer.public_key != update.public_key) continue;
          if (update.endpoint) peer.endpoint = update.endpoint;
          if (update.persistent_keepalive) peer.persistent_keepalive = *update.persistent_keepalive;
          if (update.allowed_ips) peer.allowed_ips = *update.allowed_ips;
          for (const base::Prefix& prefix : update.more_allowed_ips) {
            for (wg::DevicePeer& other : device_.peers) std::erase(other.allowed_ips, prefix);
            peer.allowed_ips.push_back(prefix);
          }
        }
      }
    }
  }
  void publish(double seconds, const std::vector<std::string>& texts) {
    updater::PublishedEndpoints published{{}, dns::Ttl{1}};
    for (const std::string& text : texts) published.endpoints.push_back(endpoint(text));
    (void)machine_.learn(at(seconds), {bob, published, updater::PublishedText{}});
  }
  /// DNS says that the own device is at this endpoint.
  std::vector<updater::Note> publish_own(double seconds, const std::string& text) {
    const updater::PublishedEndpoints published{{endpoint(text)}, dns::Ttl{1}};
    return machine_.learn(at(seconds), {*device_.public_key, published, std::nullopt});
  }
  /// Bob announces addresses of his own network; true: the address answers here.
  void tell_lan(double seconds, const std::vector<std::pair<std::string, bool>>& told) {
    std::vector<updater::LanCandidate> candidates;
    for (const auto& [text, answers] : told) candidates.push_back({endpoint(text), answers});
    (void)machine_.learn_lan(at(seconds), {bob, std::move(candidates)});
  }
  std::vector<updater::Note> fail(double seconds, LookupError error) {
    return machine_.learn(at(seconds), {bob, base::Unexpected(error), std::nullopt});
  }
  void handshake(double seconds) {
    at_bob().latest_handshake = handshake_at(seconds);
    at_bob().rx_bytes += 92;
    at_bob().tx_bytes += 148;
  }
  /// Steps once a second up to `until`, with this much data in both directions.
  std::vector<Change> pass(double from, double until, std::uint64_t received, std::uint64_t sent) {
    std::vector<Change> changes;
    for (const double now : times(from, until, 1)) {
      at_bob().rx_bytes += received;
      at_bob().tx_bytes += sent;
      for (Change& change : step(now).changes) changes.push_back(std::move(change));
    }
    return changes;
  }
  /// A tunnel to bob that has just come up at `bob_home`.
  void connect() {
    step(0);
    publish(0.1, {bob_home});
    step(0.1);
    handshake(0.6);
    step(0.6);
  }

 private:
  wg::Device device_;
  std::vector<base::InterfaceAddress> host_ = {own("192.168.1.5"), own("10.77.0.2", "wg0")};
  Machine machine_;
  bool is_hub_alive_ = true;
};

/// The changes of bob, in words; those of the hub are left out.
inline std::vector<std::string> about_bob(const std::vector<Change>& changes) {
  std::vector<std::string> lines;
  for (const Change& change : changes) {
    if (change.peer == bob) lines.push_back(updater::describe(change.updates));
  }
  return lines;
}

inline bool kicks_hub(const std::vector<Change>& changes) {
  return std::any_of(changes.begin(), changes.end(), [](const Change& change) {
    return change.peer == hub && change.updates == updater::make_kick(hub, 25s);
  });
}

inline bool writes_endpoint(const std::vector<Change>& changes) {
  return std::any_of(changes.begin(), changes.end(), [](const Change& change) {
    return std::any_of(change.updates.begin(), change.updates.end(),
                       [](const auto& update) { return update.endpoint.has_value(); });
  });
}

using Lines = std::vector<std::string>;

}  // namespace one_machine
