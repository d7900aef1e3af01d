#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "dnsd/point/point_rules.hpp"
#include "dnsd/point/relay/relay.hpp"
#include "tests/simulation/packet.hpp"

namespace model {

/// The public host: one built-in observation point. Its relay, and what it concludes about the
/// places of peers, are the product's own code (dnsd/point). Its ends of the tunnels are a model of
/// noise::Engine: it answers handshakes and keepalives, begins handshakes only where the rules ask
/// back, and never roams.
class Hub : private dnsd::Relay::Sessions {
 public:
  using Send = std::function<void(const base::Endpoint& to, const Packet& packet)>;
  /// A peer sends an update inside its tunnel. \param number of the message
  using Update = std::function<void(const wg::PublicKey& peer, std::uint32_t number)>;

  /// \param relays whether packets between its peers are passed on.
  Hub(Events& events, const wg::PublicKey& key, const base::Endpoint& place, bool relays,
      Send send);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  void add_peer(const wg::PublicKey& peer);
  void on_update(Update update) { update_ = std::move(update); }
  void receive(const base::Endpoint& from, const Packet& packet);
  /// `via=` of a peer for another one.
  bool adopt(const wg::PublicKey& peer, const wg::PublicKey& other);

  /// `pause=` of a peer for another one.
  bool pause(const wg::PublicKey& peer, const wg::PublicKey& other,
             std::chrono::milliseconds length);

  [[nodiscard]] const wg::PublicKey& key() const { return key_; }
  [[nodiscard]] const base::Endpoint& place() const { return place_; }
  /// What DNS says.
  [[nodiscard]] std::optional<base::Endpoint> published(const wg::PublicKey& peer) const;
  /// Whether what the peer sends from `source` under this index is passed on; and where to.
  [[nodiscard]] bool passes_on(const wg::PublicKey& peer, const base::Endpoint& source,
                               noise::SessionIndex index) const;
  [[nodiscard]] std::optional<base::Endpoint> confirmed_place(const wg::PublicKey& peer) const;
  [[nodiscard]] const dnsd::RelayCounters& counters() const { return relay_.counters(); }

 private:
  struct Session {
    std::uint64_t handshake = 0;
    Time begun = 0;
    bool is_initiator = false;
    noise::SessionIndex own_index = 0;
    noise::SessionIndex other_index = 0;
    std::uint64_t sent = 0;
    std::optional<std::uint64_t> highest;  ///< counter received
    noise::Path path;
  };
  struct Attempt {
    std::uint64_t handshake = 0;
    noise::SessionIndex own_index = 0;
    noise::Path path;
    int left = 0;
  };
  struct Peer {
    std::optional<Session> previous, current, next;
    std::optional<Attempt> attempt;
    Time newest_timestamp = -1;
    std::uint32_t waits = 0;  ///< number of the attempt that the next retry is for
    bool owes_keepalive = false;
    std::optional<Time> unanswered;
    std::optional<base::Endpoint> published;
    std::optional<base::Endpoint> confirmed;
  };

  [[nodiscard]] bool owns_index(noise::SessionIndex index) const override;
  void relay(Packet packet, const noise::Path& path);
  void take(const Packet& packet, const noise::Path& path);
  void take_initiation(Peer& peer, const Packet& packet, const noise::Path& path);
  void take_response(Peer& peer, const Packet& packet, const noise::Path& path);
  void take_data(Peer& peer, const Packet& packet, const noise::Path& path);
  void answer(const wg::PublicKey& key, Peer& peer, const Packet& packet);
  void initiate(const wg::PublicKey& key, const noise::Path& path, int attempts);
  void begin_attempt(const wg::PublicKey& key, Peer& peer);
  void send(const wg::PublicKey& key, Peer& peer, Kind kind, std::uint32_t number = 0);
  [[nodiscard]] Packet make(Kind kind, const wg::PublicKey& to) const;
  [[nodiscard]] noise::SessionIndex draw_index(const wg::PublicKey& peer);
  void follow_rules();
  void tick();
  [[nodiscard]] bool is_usable(const Session& session) const;
  [[nodiscard]] base::Now now() const;

  Events& events_;
  wg::PublicKey key_;
  base::Endpoint place_;
  bool relays_;
  Send send_;
  Update update_;
  dnsd::TrialBudget budget_;
  dnsd::PointRules rules_{budget_};
  dnsd::Relay relay_;
  std::map<wg::PublicKey, Peer> peers_;
  std::optional<Time> armed_;  ///< when tick() is due
};

}  // namespace model
