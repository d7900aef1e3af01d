#pragma once

#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/log.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/peer/direct_peer.hpp"
#include "updater/peer/hub.hpp"
#include "updater/plan/memory.hpp"
#include "updater/plan/plan.hpp"
#include "updater/report/metrics.hpp"
#include "updater/report/report.hpp"
#include "updater/tunnel/mesh.hpp"

namespace updater {

/// The state machine of one device: readings and answers in, a plan out. Pure and deterministic:
/// the same inputs and the same seed give the same plans.
///
/// How a caller uses it: read the device, step(), and carry the plan out in its order; take what a
/// look-up brought with learn(), and step() again at once, on a new reading: each decision stands
/// on what the device shows at that moment. Every change of a plan belongs into one transaction;
/// whether it reached the device shows at the next reading.
class Machine {
 public:
  /// \param memory what an earlier run left.
  Machine(Settings settings, Memory memory, std::uint32_t seed);

  [[nodiscard]] Plan step(const base::Now& now, const wg::Device& device,
                          std::span<const base::InterfaceAddress> host);
  /// \return lines for the log. A result for a peer that is gone is dropped.
  [[nodiscard]] std::vector<Note> learn(const base::Now& now, const LookupResult& result);
  /// The same for the text of a peer, or of the own key, in the private view.
  [[nodiscard]] std::vector<Note> learn_private(const base::Now& now, const wg::PublicKey& peer,
                                                const PublishedText& text);
  /// The same for what a peer says of its own network.
  [[nodiscard]] std::vector<Note> learn_lan(const base::Now& now, const LanResult& result);
  /// The reply to a probe of a plan came.
  void learn_round_trip(const wg::PublicKey& peer, std::chrono::microseconds round_trip);
  /// This host's addresses, or the ways to its peers, are other ones now: at the next step, which
  /// is due at once, the hub hears from it, and what did not work is tried anew.
  /// \param source_changed where packets leave for from another own address (LocalWatch): a peer
  /// there that does not answer any more is set where it is once more.
  void change_local(const base::Now& now, const std::set<base::IpAddress>& source_changed);
  /// The device vanished, and with it every keepalive that was ours.
  void lose_device();

  /// What puts the user's keepalives back, where the device shows ours. Endpoints stay.
  [[nodiscard]] std::vector<Change> give_back(const wg::Device& device);
  /// They are back: forget what was ours.
  void forget_keepalives();

  /// What `status` and `why` tell; interface and zone are left empty. \param device the last
  /// reading.
  [[nodiscard]] Report describe(const base::Now& now, const wg::Device& device) const;

  [[nodiscard]] const Memory& memory() const { return memory_; }
  /// Which of the mesh's peers are still on the device (mesh.hpp); before each step.
  [[nodiscard]] std::vector<Note> observe_mesh(const base::Now& now, const wg::Device& device,
                                               unsigned interface_index);
  /// What a list changes; the memory has to be on disk before that is done (mesh.hpp).
  [[nodiscard]] MeshPlan plan_mesh(const base::Now& now, const wg::Device& device,
                                   unsigned interface_index, const base::IpAddress& server,
                                   std::span<const base::InterfaceAddress> host,
                                   const MeshList& list);
  [[nodiscard]] Metrics& metrics() { return metrics_; }
  /// The hubs among the peers of the last reading.
  [[nodiscard]] std::set<wg::PublicKey> hubs() const;
  /// One whole round is done: every peer looked up, and kicked where that was right.
  [[nodiscard]] bool is_settled() const;

 private:
  /// The operator wants nothing done to it.
  struct Ignored {
    [[nodiscard]] static bool continues(const wg::DevicePeer& /*shown*/) { return true; }
  };
  using Role = std::variant<DirectPeer, Hub, Ignored>;

  void meet_peers(const base::Now& now, const wg::Device& device);
  void tell_missing_hubs(const wg::Device& device, Plan& plan);
  void record(const base::Now& now, const std::vector<Note>& notes);
  void become_hub(const base::Now& now, const wg::PublicKey& peer, std::vector<Note>& notes);
  [[nodiscard]] std::vector<Note> learn_any(const base::Now& now, const LookupResult& result);
  void watch_clock(const base::Now& now, Plan& plan);
  void look_up_own(const base::Now& now, const wg::Device& device, Plan& plan);
  [[nodiscard]] std::vector<base::IpAddress> find_hub_addresses(const wg::Device& device) const;
  [[nodiscard]] bool is_any_unreached() const;
  void hurry_peers(base::SteadyTime now, const std::string& what);
  [[nodiscard]] base::SteadyTime next_step(base::SteadyTime now) const;

  // Constant after construction.
  const Settings settings_;

  Memory memory_;
  Memory saved_;  ///< the memory as the last plan that said `remember` left it
  std::map<wg::PublicKey, Role> peers_;  ///< those of the last reading
  std::optional<wg::PublicKey> own_key_;
  std::optional<DnsView> own_;                 ///< where DNS says that we are; none: no key yet
  std::map<wg::PublicKey, Story> stories_;     ///< of the peers in peers_
  std::optional<std::chrono::seconds> clock_;  ///< the wall clock's lead over the steady one
  std::minstd_rand random_;
  Metrics metrics_;
  std::set<wg::PublicKey> missing_hubs_;  ///< of --hub; told
  std::optional<LookupError> resolver_error_;
  base::RepeatLimit resolver_notes_;
};

}  // namespace updater
