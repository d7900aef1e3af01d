// One built-in observation point: its thread, its timer and the order of things in one turn. After
// start() everything in Impl runs on that thread; the functions that another thread may call post
// to it or copy what is guarded. A turn: receive a batch (Relay passes on what is not ours;
// noise::Engine decrypts, PointRules decides), ask back, tick all, send, report. Where everything
// was passed on, the turn is to send it. Elsewhere: what is passed on in relay/relay.hpp, the
// protocol in noise/engine.hpp, what a packet proves in point_rules.hpp, log lines and oddities in
// point_notices.hpp, the socket in point_socket.hpp and socket_watch.hpp; dnsd/observe/ opens
// points and takes their reports.

#include "dnsd/point/observation_point.hpp"

#include <linux/capability.h>
#include <sys/resource.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <iterator>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/capability.hpp"
#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/signals.hpp"
#include "dnsd/point/point_notices.hpp"
#include "dnsd/point/point_socket.hpp"
#include "dnsd/point/socket_watch.hpp"

namespace dnsd {
namespace {

/// Batches of datagrams per wake-up, so that a flood does not keep timers and changes waiting.
constexpr int batches_per_turn = 4;
/// doc/protocol.md §2.6: what the last run accepted in its last second may be missing in its
/// memory, and so may what it sent.
constexpr std::chrono::seconds memory_lag{2};
/// Below the other threads: where both want one core, answers come first. An ordinary user may only
/// lower itself.
constexpr int niceness = 5;

}  // namespace

class ObservationPoint::Impl : public noise::Engine::Handler, public Relay::Sessions {
 public:
  Impl(Settings settings, const wg::PrivateKey& key, Report report, InnerHandler inner,
       TrialBudget& budget, PointSocket socket)
      : settings_(std::move(settings)),
        key_(key),
        public_key_(noise::KeyPair(key).public_key()),
        report_(std::move(report)),
        inner_(std::move(inner)),
        socket_(std::move(socket)),
        watch_(io_, socket_.fd()),
        timer_(io_),
        rules_(budget),
        is_on_all_addresses_(settings_.listen.address.is_unspecified()),
        tunnel_addresses_(settings_.tunnel_addresses),
        notices_(settings_.listen) {}
  ~Impl() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const wg::PublicKey& public_key() const { return public_key_; }

  void restore(const PointMemory& memory) {
    engine_.emplace(noise::KeyPair(key_), *this, noise::Engine::Options{},
                    memory.last_timestamp == noise::Tai64n() ? noise::Tai64n()
                                                             : memory.last_timestamp + memory_lag);
    memory_ = memory;
    if (settings_.relay) {
      relay_.emplace(public_key_, *settings_.relay, *this);
      relay_rates_ = *settings_.relay;
    }
  }

  void start() {
    if (!engine_) restore({});
    const base::BlockedSignals blocked;
    thread_ = std::thread([this] {
      (void)base::drop_capability(CAP_NET_ADMIN);
      // Of this thread alone, on Linux.
      (void)::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + niceness);
      wait();
      arm();
      io_.run();
    });
  }

  void set_tunnel_addresses(std::vector<base::IpAddress> addresses) {
    settings_.tunnel_addresses = addresses;
    asio::post(io_, [this, addresses = std::move(addresses)]() mutable {
      tunnel_addresses_ = std::move(addresses);
    });
  }
  void set_relay(std::optional<RelayRates> rates) {
    settings_.relay = rates;
    asio::post(io_, [this, rates] { take_relay(rates); });
  }
  void set_peers(std::vector<PointPeer> peers) {
    asio::post(io_, [this, peers = std::move(peers)]() mutable { take_peers(std::move(peers)); });
  }
  void reset_peer(const wg::PublicKey& key) {
    asio::post(io_, [this, key] {
      const std::lock_guard lock(relay_mutex_);
      if (engine_) engine_->reset_peer(key);
      finish_turn(base::read_clock());
    });
  }
  [[nodiscard]] noise::EngineCounters counters() const { return counters_.copy(); }
  [[nodiscard]] PeerOddities oddities() const { return notices_.oddities(); }
  [[nodiscard]] std::optional<RelayReport> relay_report() const {
    const std::lock_guard lock(relay_mutex_);
    if (!relay_) return std::nullopt;
    return RelayReport{relay_rates_, relay_->counters(), relay_->pairs()};
  }

 private:
  struct Known {
    std::string name;
    std::vector<base::Prefix> allowed_ips;
    bool is_relayed = false;
    base::IpAddress own_address;  ///< that the peer speaks to; unspecified: unknown
  };

  // Relay

  void take_relay(const std::optional<RelayRates>& rates) {
    const std::lock_guard lock(relay_mutex_);
    if (!rates) return relay_.reset();
    relay_rates_ = *rates;
    if (relay_) return relay_->set_rates(*rates);
    relay_.emplace(public_key_, *rates, *this);
    for (const auto& [key, known] : known_) {
      if (known.is_relayed) relay_->add_peer(key);
    }
    rules_.confirm_all();
    finish_turn(base::read_clock());
  }

  /// \return false: it is for the engine.
  bool pass_on(const PointSocket::Arrival& arrival, const Relay::Arrival& seen) {
    using Kind = Relay::Verdict::Kind;
    const Relay::Verdict verdict = relay_->receive(seen, now_.steady, arrival.datagrams());
    switch (verdict.kind) {
      case Kind::forward:
        socket_.lend(*verdict.path, arrival.octets, arrival.segment);
        return true;
      case Kind::reply:
        socket_.put(*arrival.path, relay_->reply());
        return true;
      case Kind::ask_back:
        rules_.relayed_from(*verdict.peer, *arrival.path, now_);
        ask_back();
        ++taken_;
        return true;
      case Kind::drop:
        if (notices_.note_drop(relay_->counters(), relay_rates_.total, now_.steady))
          tell_rate(arrival.path->remote);
        return true;
      case Kind::not_relayed:
        break;
    }
    return false;
  }

  void tell_rate(const base::Endpoint& from) {
    if (const auto key = rules_.who_is_at(from))
      notices_.over_rate(*key, name_of(*key), relay_rates_.sender, now_.steady);
  }

  [[nodiscard]] bool owns_index(noise::SessionIndex index) const override {
    return engine_->owns_index(index);
  }
  bool may_draw(const wg::PublicKey& peer, noise::SessionIndex index) override {
    return !relay_ || !relay_->uses_index(peer, index);
  }

  // Peers

  void take_peers(std::vector<PointPeer> peers) {
    const std::lock_guard lock(relay_mutex_);
    const base::Now now = base::read_clock();
    std::unordered_set<wg::PublicKey> wanted;
    for (const PointPeer& peer : peers) wanted.insert(peer.key);
    std::erase_if(known_, [&](const auto& entry) {
      if (wanted.contains(entry.first)) return false;
      engine_->remove_peer(entry.first, now.steady);
      rules_.forget(entry.first, now.steady);
      notices_.forget(entry.first);
      if (relay_) relay_->remove_peer(entry.first);
      return true;
    });
    const PointMemory memory = std::exchange(memory_, {});
    std::unordered_map<wg::PublicKey, noise::Tai64n> marks;
    for (const PointMemory::Mark& mark : memory.marks) {
      if (wanted.contains(mark.key)) {
        marks.emplace(mark.key, mark.timestamp);
      } else {
        engine_->restore_mark(mark.key, mark.timestamp,
                              to_steady(mark.removed.value_or(now.wall), now));
      }
    }
    for (PointPeer& peer : peers) {
      const auto mark = marks.find(peer.key);
      engine_->add_peer(peer.key, peer.psk, mark == marks.end() ? noise::Tai64n() : mark->second);
      Known& known = known_[peer.key];
      known.name = std::move(peer.name);
      known.allowed_ips = std::move(peer.allowed_ips);
      set_relayed(peer.key, known, peer.is_relayed);
    }
    for (const SavedPeer& saved : memory.peers) {
      const auto known = known_.find(saved.key);
      if (known == known_.end()) continue;
      const auto own = memory.own_addresses.find(saved.key);
      if (own != memory.own_addresses.end()) known->second.own_address = own->second;
      rules_.restore(saved, known->second.own_address, now);
    }
    for (const RelayRoute& route : memory.routes) {
      if (relay_) relay_->restore(route, now.steady);
    }
    finish_turn(now);
  }

  void set_relayed(const wg::PublicKey& key, Known& known, bool is_relayed) {
    if (std::exchange(known.is_relayed, is_relayed) == is_relayed || !relay_) return;
    if (!is_relayed) return relay_->remove_peer(key);
    relay_->add_peer(key);
    rules_.confirm_again(key);
  }

  /// The peer's name for the log; empty: it has none.
  [[nodiscard]] std::string name_of(const wg::PublicKey& key) const {
    const auto known = known_.find(key);
    return known == known_.end() ? std::string() : known->second.name;
  }

  // Turns

  void wait() {
    watch_.wait([this] { work(); });
  }
  void work() {
    if (!receive()) return wait();
    asio::post(io_, [this] { work(); });
  }

  /// \return whether more may wait
  bool receive() {
    std::size_t taken = 0;
    for (int i = 0; i < batches_per_turn; ++i) {
      const std::lock_guard lock(relay_mutex_);
      now_ = base::read_clock();
      taken_ = 0;
      const std::span<const PointSocket::Arrival> arrivals = socket_.receive();
      ahead_.clear();
      for (const auto& arrival : arrivals)
        ahead_.push_back({.datagram = arrival.octets, .path = arrival.path});
      if (relay_) relay_->look_ahead(ahead_);
      for (std::size_t n = 0; n < arrivals.size(); ++n) {
        if (!relay_ || !pass_on(arrivals[n], ahead_[n])) take(arrivals[n]);
      }
      if (taken_ > 0) {
        finish_turn(now_);
      } else {
        finish_passing();
      }
      taken += taken_;
      if (!socket_.has_more()) return false;
      watch_.pause();
    }
    // What is passed on costs no cryptography.
    if (taken >= PointSocket::batch_size) engine_->note_backlog(now_.steady);
    return true;
  }

  void take(const PointSocket::Arrival& arrival) {
    base::MutableBytes rest = arrival.octets;
    do {
      const std::size_t size = std::min(arrival.segment, rest.size());
      engine_->receive(rest.first(size), *arrival.path, now_);
      ask_back();
      ++taken_;
      rest = rest.subspan(size);
    } while (!rest.empty());
  }

  /// The end of a turn that brought nothing for us.
  void finish_passing() {
    socket_.flush();
    if (take_routes()) report();
    arm();
  }

  /// \return whether there were changes.
  bool take_routes() {
    if (!relay_) return false;
    std::vector<Relay::Change> changes = relay_->take_changes();
    if (changes.empty()) return false;
    std::move(changes.begin(), changes.end(), std::back_inserter(pending_.routes));
    return true;
  }

  void finish_turn(base::Now now) {
    now_ = now;
    engine_->tick(now);
    rules_.tick(now);
    if (relay_) relay_->tick(now.steady);
    ask_back();
    socket_.flush();
    (void)take_routes();
    report();
    counters_.set(engine_->counters());
    arm();
  }

  /// Asks back at once, before the next datagram is read, where the rules want it.
  void ask_back() {
    PointRules::Result result = rules_.take();
    for (const PointRules::Confirmed& place : result.confirmed) {
      if (relay_) relay_->set_place(place.key, place.path, place.seen);
      if (is_on_all_addresses_) note_own_address(place);
    }
    for (const PointRules::Ask& ask : result.ask)
      (void)engine_->initiate(ask.key, ask.path, ask.attempts, now_);
    pending_.seen.insert(pending_.seen.end(), result.seen.begin(), result.seen.end());
    for (const PointRules::Notice& notice : result.notices)
      notices_.tell(notice, name_of(notice.key), now_.steady);
  }

  void note_own_address(const PointRules::Confirmed& place) {
    const auto known = known_.find(place.key);
    if (known == known_.end() || known->second.own_address == place.path.local) return;
    known->second.own_address = place.path.local;
    pending_.own_addresses.emplace_back(place.key, place.path.local);
  }

  void report() {
    for (const wg::PublicKey& key : engine_->take_marked()) {
      if (const auto mark = engine_->mark(key)) pending_.marks.emplace_back(key, *mark);
      notices_.clock_is_right(key);
    }
    const bool has_sent = engine_->last_timestamp() != pending_.last_timestamp;
    if (pending_.empty() && !has_sent) return;
    pending_.last_timestamp = engine_->last_timestamp();
    PointReport report = std::exchange(pending_, {});
    pending_.last_timestamp = report.last_timestamp;
    report_(std::move(report));
  }

  void arm() {
    auto due = engine_->next_deadline();
    for (const auto& other :
         {rules_.next_deadline(), relay_ ? relay_->next_deadline() : std::nullopt}) {
      if (other && (!due || *other < *due)) due = other;
    }
    if (!due || (armed_ && *armed_ <= *due)) return;
    armed_ = due;
    timer_.expires_at(*due);
    timer_.async_wait([this](const std::error_code& ec) {
      if (ec) return;
      armed_.reset();
      const std::lock_guard lock(relay_mutex_);
      finish_turn(base::read_clock());
    });
  }

  // Of the engine

  void send(const noise::Path& path, base::Bytes datagram) override { socket_.put(path, datagram); }

  void received(const wg::PublicKey& peer, const noise::Received& received) override {
    rules_.received(peer, received, now_);
  }

  void inner(const wg::PublicKey& peer, base::Bytes packet) override {
    const auto known = known_.find(peer);
    if (!inner_ || known == known_.end()) return;
    inner_({.peer = peer,
            .allowed_ips = known->second.allowed_ips,
            .tunnel_addresses = tunnel_addresses_,
            .octets = packet,
            .now = now_,
            .relay = relay_ ? &*relay_ : nullptr},
           [&](base::Bytes reply) {
             if (!reply.empty() && reply.size() <= inner_mtu)
               (void)engine_->send(peer, reply, now_);
           });
  }

  void unknown_session(const noise::Path& path) override { rules_.unknown_session(path, now_); }

  /// Only to where the peer was last: who repeats recorded packets from elsewhere gets none.
  bool may_answer_old(const wg::PublicKey& peer, const noise::Path& path) override {
    return rules_.was_at(peer, path.remote.address);
  }

  void clock_behind(const wg::PublicKey& peer, std::chrono::seconds by) override {
    notices_.clock_behind(peer, name_of(peer), by, now_.steady);
  }

  Settings settings_;  // of the thread that calls
  const wg::PrivateKey key_;
  const wg::PublicKey public_key_;
  const Report report_;
  const InnerHandler inner_;

  // The thread's own, after start().
  asio::io_context io_{1};
  PointSocket socket_;
  SocketWatch watch_;
  asio::steady_timer timer_;
  std::optional<noise::Engine> engine_;
  PointRules rules_;
  std::unordered_map<wg::PublicKey, Known> known_;
  const bool is_on_all_addresses_;
  std::vector<base::IpAddress> tunnel_addresses_;
  PointMemory memory_;  // of the last run, until the first set_peers()
  PointReport pending_;
  base::Now now_{};
  std::vector<Relay::Arrival> ahead_;
  std::size_t taken_ = 0;  // datagrams of this turn that were for us
  std::optional<base::SteadyTime> armed_;
  // Changed by the thread in its turns, read by others between them.
  mutable std::mutex relay_mutex_;
  std::optional<Relay> relay_;
  RelayRates relay_rates_;

  // Written by the thread, read by any.
  PointNotices notices_;
  base::Guarded<noise::EngineCounters> counters_;
  std::thread thread_;
};

base::Expected<std::unique_ptr<ObservationPoint>, std::error_code> ObservationPoint::open(
    Settings settings, const wg::PrivateKey& key, Report report, InnerHandler inner,
    TrialBudget& budget) {
  auto socket = PointSocket::open(settings.listen);
  if (!socket) return base::Unexpected(socket.error());
  return std::unique_ptr<ObservationPoint>(new ObservationPoint(std::make_unique<Impl>(
      std::move(settings), key, std::move(report), std::move(inner), budget, std::move(*socket))));
}

ObservationPoint::ObservationPoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ObservationPoint::~ObservationPoint() = default;

const ObservationPoint::Settings& ObservationPoint::settings() const {
  return impl_->settings();
}
const wg::PublicKey& ObservationPoint::public_key() const {
  return impl_->public_key();
}
void ObservationPoint::restore(const PointMemory& memory) {
  impl_->restore(memory);
}
void ObservationPoint::start() {
  impl_->start();
}
void ObservationPoint::set_tunnel_addresses(std::vector<base::IpAddress> addresses) {
  impl_->set_tunnel_addresses(std::move(addresses));
}
void ObservationPoint::set_peers(std::vector<PointPeer> peers) {
  impl_->set_peers(std::move(peers));
}
void ObservationPoint::reset_peer(const wg::PublicKey& key) {
  impl_->reset_peer(key);
}
void ObservationPoint::set_relay(std::optional<RelayRates> rates) {
  impl_->set_relay(rates);
}
std::optional<RelayReport> ObservationPoint::relay_report() const {
  return impl_->relay_report();
}
noise::EngineCounters ObservationPoint::counters() const {
  return impl_->counters();
}
PeerOddities ObservationPoint::oddities() const {
  return impl_->oddities();
}

}  // namespace dnsd
