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
#include "updater/plan/names.hpp"
#include "updater/plan/plan.hpp"
#include "updater/report/metrics.hpp"
#include "updater/report/report.hpp"
#include "updater/tunnel/mesh.hpp"

namespace updater {

/// The state machine of one device: readings and answers in, a plan out. Pure and deterministic:
/// the same inputs and the same seed give the same plans. Not thread-safe.
///
/// Use: read the device, call step(), and carry the plan out in its order. Hand each answer to one
/// of the learn functions; then read the device again at once and step(), so that each decision
/// uses what the device shows at that moment. All changes of a plan belong in one transaction. The
/// next reading shows whether they reached the device.
///
/// The notes that the functions return, and those of a plan, are lines for the log.
class Machine {
 public:
  /// \param memory what an earlier run left.
  Machine(Settings settings, Memory memory, std::uint32_t seed);

  /// Takes a reading and decides what to do now. \param device read just now. \param host all
  /// addresses of this host, the tunnel's included. \return the plan; call step() again at
  /// plan.next at the latest.
  [[nodiscard]] Plan step(const base::Now& now, const wg::Device& device,
                          std::span<const base::InterfaceAddress> host);
  /// Takes the result of a look-up. One for a peer that is gone is ignored.
  [[nodiscard]] std::vector<Note> learn(const base::Now& now, const LookupResult& result);
  /// Takes the names in WireGuard's file, all of them.
  void learn_names(const std::map<wg::PublicKey, std::string>& names) { names_.learn_file(names); }
  /// Takes the text of a peer, or of the own key, in the private view.
  void learn_private(const wg::PublicKey& peer, const PublishedText& text);
  /// Takes what a peer says of its own network.
  [[nodiscard]] std::vector<Note> learn_lan(const base::Now& now, const LanResult& result);
  /// Takes the places where a hub may be. One for a peer that is no hub any more is ignored.
  void learn_hub(const base::Now& now, const HubResult& result);
  /// Takes the addresses of the zone's name servers; empty: they are not known.
  void learn_name_servers(const base::Now& now, std::vector<base::IpAddress> addresses);
  /// Takes the reply to a probe of a plan.
  void learn_round_trip(const wg::PublicKey& peer, std::chrono::microseconds round_trip);
  /// The device showed the peer at a place that a WatchRequest does not expect. Only of a reading
  /// that began after the last write was done: then WireGuard itself took it there. step() at once.
  void see(const wg::PublicKey& peer, const base::Endpoint& endpoint);
  /// Takes a hub's answer to a PauseRequest. step() at once. \param is_granted also false where no
  /// answer came, or nobody can be asked.
  void learn_pause(const wg::PublicKey& peer, bool is_granted);
  /// Call when a `via` of a plan cannot be told to this hub: it is kicked instead.
  void kick_hub(const wg::PublicKey& hub);
  /// Call when this host's addresses changed, or its routes to peers, and step() at once: the hub
  /// then hears from this host, and peers that could not be reached are tried again.
  /// \param source_changed find_source_changed(): a peer at one of these addresses that does not
  /// answer any more gets the same endpoint once more.
  void change_local(const base::Now& now, const std::set<base::IpAddress>& source_changed);
  /// Call when the device vanished: its peers are gone, and with them every keepalive of ours.
  void lose_device();

  /// What to write at the program's end: the user's keepalives, where the device shows ours, and to
  /// the hub the allowed-ips of peers that we added. Endpoints stay, but for one that only silences
  /// this host.
  [[nodiscard]] std::vector<Change> give_back(const wg::Device& device);
  /// Call when these writes succeeded: no keepalive is ours any more.
  void forget_keepalives();

  /// What `status` and `why` show, without interface and zone. \param device the last reading.
  [[nodiscard]] Report describe(const base::Now& now, const wg::Device& device) const;

  [[nodiscard]] const Memory& memory() const { return memory_; }
  /// The operator's, with the names that others gave.
  [[nodiscard]] const Settings& settings() const { return settings_; }
  /// Takes a reading: which peers of the mesh are still on the device (mesh.hpp). Call before each
  /// step.
  [[nodiscard]] std::vector<Note> observe_mesh(const base::Now& now, const wg::Device& device,
                                               unsigned interface_index);
  /// Decides what a list of peers changes (mesh.hpp). memory() has to be on disk before the change
  /// is made.
  [[nodiscard]] MeshPlan plan_mesh(const base::Now& now, const wg::Device& device,
                                   unsigned interface_index, const base::IpAddress& server,
                                   std::span<const base::InterfaceAddress> host,
                                   const MeshList& list);
  /// The loop changes them when a write fails.
  [[nodiscard]] Metrics& metrics() { return metrics_; }
  /// The configured hubs among the peers of the last reading. What DNS calls a hub has no
  /// authority.
  [[nodiscard]] std::set<wg::PublicKey> hubs() const;
  /// One round is complete: every peer was looked up, and kicked if that was right.
  [[nodiscard]] bool is_settled() const;

 private:
  /// A peer that the operator wants left alone.
  struct Ignored {
    [[nodiscard]] static bool continues(const wg::DevicePeer& /*shown*/) { return true; }
  };
  using Role = std::variant<DirectPeer, Hub, Ignored>;

  void meet_peers(const base::Now& now, const wg::Device& device);
  void tell_missing_hubs(const wg::Device& device, Plan& plan);
  void meet(const base::Now& now, const wg::Device& device, const wg::DevicePeer& shown);
  void watch_clock(const base::Now& now, Plan& plan);
  void look_up_own(const base::Now& now, const wg::Device& device, Plan& plan);
  void watch_resolver(const base::Now& now, const LookupResult& result, std::vector<Note>& notes);
  void learn_own(const base::Now& now, const LookupResult& result, std::vector<Note>& notes);
  void settle_loans(const wg::Device& device, Plan& plan);
  void record(const base::Now& now, const std::vector<Note>& notes);
  [[nodiscard]] PeerReport describe_peer(const base::Now& now, const wg::DevicePeer& shown,
                                         const Role& role) const;
  void describe_routes(const wg::Device& device, const wg::DevicePeer& shown,
                       PeerReport& report) const;
  [[nodiscard]] std::vector<RelayHub> find_relays(const base::Now& now, const wg::Device& device);
  [[nodiscard]] std::vector<base::IpAddress> find_hub_addresses(const wg::Device& device) const;
  [[nodiscard]] bool is_any_unreached() const;
  void hurry_peers(base::SteadyTime now, const std::string& what);
  [[nodiscard]] base::SteadyTime next_step(base::SteadyTime now) const;

  Settings settings_;  ///< constant after construction, but for the names
  Names names_;

  Memory memory_;
  Memory saved_;  ///< the memory as the last plan that said `remember` left it
  std::map<wg::PublicKey, Role> peers_;  ///< those of the last reading
  /// By peer; erased when the peer leaves the device, kept while the device is missing.
  std::map<wg::PublicKey, Story> stories_;
  std::optional<wg::PublicKey> own_key_;
  std::optional<DnsView> own_;                 ///< what DNS says of own_key_; none: no key yet
  std::optional<std::chrono::seconds> clock_;  ///< wall clock minus steady clock
  std::minstd_rand random_;
  AddressLimit limit_;
  Metrics metrics_;
  std::vector<base::IpAddress> name_servers_;      ///< of the zone; only where no hub is configured
  base::SteadyTime name_servers_due_{};            ///< when to ask for them
  std::set<wg::PublicKey> missing_hubs_;           ///< of --hub; the log says so
  std::map<wg::PublicKey, std::string> refusals_;  ///< told: why a listed peer does not join
  std::optional<LookupError> resolver_error_;      ///< why the log says that look-ups fail
  base::RepeatLimit resolver_notes_;
};

}  // namespace updater
