#include "dnsd/point/observation_point.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.hpp"
#include "dnsd/point/point_socket.hpp"

namespace dnsd {
namespace {

/// Batches of datagrams per wake-up, so that a flood does not keep timers and changes waiting.
constexpr int batches_per_turn = 4;
/// Design §3.2: what the last run accepted in its last second may be missing in its memory, and so
/// may what it sent.
constexpr std::chrono::seconds memory_lag{2};
/// Below the other threads: where both want one core, answers come first. An ordinary user may only
/// lower itself.
constexpr int niceness = 5;
/// One line per peer and kind of notice in this time.
constexpr std::chrono::minutes notice_pause{10};

}  // namespace

class ObservationPoint::Impl : public noise::Engine::Handler {
 public:
  Impl(Settings settings, const wg::PrivateKey& key, Report report, InnerHandler inner,
       PointSocket socket)
      : settings_(std::move(settings)),
        key_(key),
        public_key_(noise::KeyPair(key).public_key()),
        report_(std::move(report)),
        inner_(std::move(inner)),
        socket_(std::move(socket)),
        readable_(io_, ::fcntl(socket_.fd(), F_DUPFD_CLOEXEC, 0)),
        timer_(io_) {}
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
    marks_ = {memory.marks.begin(), memory.marks.end()};
    saved_ = memory.peers;
  }

  void start() {
    if (!engine_) restore({});
    thread_ = std::thread([this] {
      // Of this thread alone, on Linux.
      (void)::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + niceness);
      wait();
      arm();
      io_.run();
    });
  }

  void set_peers(std::vector<PointPeer> peers) {
    asio::post(io_, [this, peers = std::move(peers)]() mutable { take_peers(std::move(peers)); });
  }
  void reset_peer(const wg::PublicKey& key) {
    asio::post(io_, [this, key] {
      if (engine_) engine_->reset_peer(key);
      finish_turn(base::read_clock());
    });
  }
  [[nodiscard]] noise::EngineCounters counters() const {
    const std::lock_guard lock(told_mutex_);
    return counters_;
  }
  [[nodiscard]] PeerOddities oddities() const {
    const std::lock_guard lock(told_mutex_);
    return oddities_;
  }

 private:
  struct Known {
    std::string name;
    std::vector<base::Prefix> allowed_ips;
    std::optional<base::SteadyTime> last_notice;
  };

  // Peers

  void take_peers(std::vector<PointPeer> peers) {
    const base::Now now = base::read_clock();
    std::unordered_set<wg::PublicKey> wanted;
    for (const PointPeer& peer : peers) wanted.insert(peer.key);
    std::erase_if(known_, [&](const auto& entry) {
      if (wanted.contains(entry.first)) return false;
      engine_->remove_peer(entry.first);
      rules_.forget(entry.first);
      set_oddity(entry.first, {});
      return true;
    });
    for (PointPeer& peer : peers) {
      const auto mark = marks_.find(peer.key);
      engine_->add_peer(peer.key, peer.psk, mark == marks_.end() ? noise::Tai64n() : mark->second);
      Known& known = known_[peer.key];
      known.name = std::move(peer.name);
      known.allowed_ips = std::move(peer.allowed_ips);
    }
    marks_.clear();
    for (const SavedPeer& saved : std::exchange(saved_, {})) {
      if (known_.contains(saved.key)) rules_.restore(saved, now);
    }
    finish_turn(now);
  }

  [[nodiscard]] std::string describe(const wg::PublicKey& key) const {
    const auto known = known_.find(key);
    return wg::describe_peer(known == known_.end() ? std::string() : known->second.name, key);
  }

  // Turns

  void wait() {
    readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this](const asio::error_code& ec) {
                           if (ec) return;
                           receive();
                           wait();
                         });
  }

  void receive() {
    for (int i = 0; i < batches_per_turn; ++i) {
      now_ = base::read_clock();
      const std::size_t count =
          socket_.receive([this](base::MutableBytes datagram, const noise::Path& path) {
            engine_->receive(datagram, path, now_);
            ask_back();
          });
      finish_turn(now_);
      if (count < PointSocket::batch_size) return;
    }
    engine_->note_backlog(now_.steady);
  }

  void finish_turn(base::Now now) {
    now_ = now;
    engine_->tick(now);
    rules_.tick(now);
    ask_back();
    socket_.flush();
    report();
    {
      const std::lock_guard lock(told_mutex_);
      counters_ = engine_->counters();
    }
    arm();
  }

  /// What the rules want to know is asked before the next datagram is looked at.
  void ask_back() {
    PointRules::Result result = rules_.take();
    for (const PointRules::Ask& ask : result.ask)
      (void)engine_->initiate(ask.key, ask.path, ask.attempts, now_);
    pending_.seen.insert(pending_.seen.end(), result.seen.begin(), result.seen.end());
    for (const PointRules::Notice& notice : result.notices) tell(notice);
  }

  void report() {
    for (const wg::PublicKey& key : engine_->take_marked()) {
      if (const auto mark = engine_->mark(key)) pending_.marks.emplace_back(key, *mark);
      note_clock(key, {});  // accepted, or reset
    }
    const bool has_sent = engine_->last_timestamp() != pending_.last_timestamp;
    if (pending_.seen.empty() && pending_.marks.empty() && !has_sent) return;
    pending_.last_timestamp = engine_->last_timestamp();
    PointReport report{std::move(pending_.seen), std::move(pending_.marks),
                       pending_.last_timestamp};
    pending_.seen.clear();
    pending_.marks.clear();
    report_(std::move(report));
  }

  void arm() {
    auto due = engine_->next_deadline();
    const auto other = rules_.next_deadline();
    if (other && (!due || *other < *due)) due = other;
    if (!due || (armed_ && *armed_ <= *due)) return;
    armed_ = due;
    timer_.expires_at(*due);
    timer_.async_wait([this](const asio::error_code& ec) {
      if (ec) return;
      armed_.reset();
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
            .tunnel_addresses = settings_.tunnel_addresses,
            .octets = packet,
            .now = now_},
           [&](base::Bytes reply) {
             if (!reply.empty() && reply.size() <= inner_mtu)
               (void)engine_->send(peer, reply, now_);
           });
  }

  void unknown_session(const noise::Path& path) override { rules_.unknown_session(path, now_); }

  void clock_behind(const wg::PublicKey& peer, std::chrono::seconds by) override {
    note_clock(peer, std::max(by, std::chrono::seconds(1)));
    if (!may_tell(peer)) return;
    spdlog::warn(
        "{}: {}: its clock is {} s behind what it was: its handshakes look like replays and are "
        "ignored; set its clock, or accept it with: wg-dnsd peer reset",
        settings_.listen.to_string(), describe(peer), by.count());
  }

  // Oddities: changed by this thread alone, which may read them without the lock.

  void note_clock(const wg::PublicKey& peer, std::chrono::seconds behind) {
    PeerOddity oddity = oddity_of(peer);
    oddity.clock_behind = behind;
    set_oddity(peer, oddity);
  }
  void note_flapping(const wg::PublicKey& peer, bool is_flapping) {
    PeerOddity oddity = oddity_of(peer);
    oddity.is_flapping = is_flapping;
    set_oddity(peer, oddity);
  }
  [[nodiscard]] PeerOddity oddity_of(const wg::PublicKey& peer) const {
    const auto found = oddities_.find(peer);
    return found == oddities_.end() ? PeerOddity{} : found->second;
  }
  void set_oddity(const wg::PublicKey& peer, const PeerOddity& oddity) {
    if (oddity_of(peer) == oddity) return;
    const std::lock_guard lock(told_mutex_);
    if (oddity == PeerOddity{}) {
      oddities_.erase(peer);
    } else {
      oddities_[peer] = oddity;
    }
  }

  // Log

  bool may_tell(const wg::PublicKey& peer) {
    const auto known = known_.find(peer);
    if (known == known_.end()) return false;
    auto& last = known->second.last_notice;
    if (last && now_.steady - *last < notice_pause) return false;
    last = now_.steady;
    return true;
  }

  void tell(const PointRules::Notice& notice) {
    if (notice.kind != PointRules::Notice::Kind::forged)
      note_flapping(notice.key, notice.kind == PointRules::Notice::Kind::flapping);
    if (!may_tell(notice.key)) return;
    const std::string who =
        fmt::format("{}: {}", settings_.listen.to_string(), describe(notice.key));
    switch (notice.kind) {
      case PointRules::Notice::Kind::forged:
        spdlog::warn("{}: packets came from {}, which does not answer; back at {}", who,
                     notice.left.to_string(), notice.place.to_string());
        return;
      case PointRules::Notice::Kind::flapping:
        spdlog::warn("{}: to and fro between {} and {}: is its key used on two machines?", who,
                     notice.left.to_string(), notice.place.to_string());
        return;
      case PointRules::Notice::Kind::settled:
        spdlog::info("{}: no longer moves to and fro, now at {}", who, notice.place.to_string());
        return;
    }
  }

  const Settings settings_;
  const wg::PrivateKey key_;
  const wg::PublicKey public_key_;
  const Report report_;
  const InnerHandler inner_;

  // The thread's own, after start().
  asio::io_context io_{1};
  PointSocket socket_;
  asio::posix::stream_descriptor readable_;
  asio::steady_timer timer_;
  std::optional<noise::Engine> engine_;
  PointRules rules_;
  std::unordered_map<wg::PublicKey, Known> known_;
  std::unordered_map<wg::PublicKey, noise::Tai64n>
      marks_;                     // of the last run, until the first peers
  std::vector<SavedPeer> saved_;  // likewise
  PointReport pending_;
  base::Now now_{};
  std::optional<base::SteadyTime> armed_;

  mutable std::mutex told_mutex_;
  noise::EngineCounters counters_;  // guarded by told_mutex_
  PeerOddities oddities_;           // likewise
  std::thread thread_;
};

base::Expected<std::unique_ptr<ObservationPoint>, std::string> ObservationPoint::open(
    Settings settings, const wg::PrivateKey& key, Report report, InnerHandler inner) {
  auto socket = PointSocket::open(settings.listen);
  if (!socket)
    return base::Unexpected(fmt::format("observe {}: cannot listen there: {}",
                                        settings.listen.to_string(), socket.error().message()));
  return std::unique_ptr<ObservationPoint>(new ObservationPoint(std::make_unique<Impl>(
      std::move(settings), key, std::move(report), std::move(inner), std::move(*socket))));
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
void ObservationPoint::set_peers(std::vector<PointPeer> peers) {
  impl_->set_peers(std::move(peers));
}
void ObservationPoint::reset_peer(const wg::PublicKey& key) {
  impl_->reset_peer(key);
}
noise::EngineCounters ObservationPoint::counters() const {
  return impl_->counters();
}
PeerOddities ObservationPoint::oddities() const {
  return impl_->oddities();
}

}  // namespace dnsd
