#include "dnsd/observe/observatory.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <map>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "dnsd/observe/interface_sources.hpp"
#include "dnsd/observe/point_sources.hpp"
#include "dnsd/peers/ptr_lists.hpp"
#include "dnsd/peers/serial.hpp"
#include "dnsd/point/observation_point.hpp"
#include "dnsd/registry/peer_log.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/state/state_store.hpp"

namespace dnsd {
namespace {

/// What was confirmed is on disk within a second (design §3.6): half of it to gather, half to
/// write.
constexpr std::chrono::milliseconds save_delay{500};
constexpr std::chrono::seconds save_retry{10};

/// The table is written while a large configuration is being read, not copied as a whole first.
constexpr std::size_t publish_every = 4096;

/// Who waits for longer than a second is told once per second how far the loading is.
class Progress {
 public:
  [[nodiscard]] bool is_due() {
    const base::SteadyTime now = base::read_clock().steady;
    if (now - told_ < std::chrono::seconds(1)) return false;
    told_ = now;
    return true;
  }

 private:
  base::SteadyTime told_ = base::read_clock().steady;
};

}  // namespace

class Observatory::Impl : public std::enable_shared_from_this<Observatory::Impl> {
 public:
  Impl(asio::io_context& io, const Config& config, PeerTable& peers, LiveState& live,
       StateStore& store, ReadDevice read_device)
      : io_(io),
        start_config_(config),
        settings_(config),
        peers_(peers),
        live_(live),
        store_(store),
        registry_(peers),
        interfaces_(std::make_shared<InterfaceSources>(io, registry_, std::move(read_device),
                                                       [this](base::Now now) {
                                                         publish(now.steady, Voice::aloud);
                                                         announce_ready();
                                                       })),
        points_(registry_),
        serial_(std::nullopt, {}),
        lists_(peers, live, {config.list_max, config.publish_private}),
        poll_timer_(io),
        deadline_timer_(io),
        step_timer_(io),
        save_timer_(io) {}

  // Configuration

  void start() {
    const base::Now now = base::read_clock();
    const std::string told = store_.problem();  // whoever opened the store has told it
    start_serial(now);
    configure(start_config_, Voice::quiet);
    restore(now);
    if (store_.problem() != told) {
      spdlog::warn("{}", store_.problem());
      save_everything();  // the damage showed while reading: another file stands there now
    }
    durable_ = store_.is_durable();
    publish(now.steady, Voice::quiet);
    step(now.steady);
    announce_ready();
    poll();
  }

  void reload(const Config& config) {
    const Settings before = std::exchange(settings_, Settings(config));
    if (settings_.state_dir != before.state_dir)
      spdlog::warn("state-dir {} counts from the next start", settings_.state_dir);
    configure(config, Voice::aloud);
    lists_.set_rules({config.list_max, config.publish_private});
    content_changed();
    poll();
  }

  void content_changed() {
    serial_.note_change();
    arm_step();
  }

  void stop() {
    stopped_ = true;
    interfaces_->stop();
    for (asio::steady_timer* timer : {&poll_timer_, &deadline_timer_, &step_timer_, &save_timer_})
      timer->cancel();
    disk_pool_.join();
    registry_.flush_sightings();
    StateStore::Batch batch = take_batch();
    batch.serial_end = serial_.after_stop();
    const auto written = store_.write(batch);
    if (!written) spdlog::error("{}", written.error().message);
  }

  // Built-in points

  PointMemory take_memory(const base::Endpoint& listen) { return points_.take_memory(listen); }

  [[nodiscard]] std::optional<wg::PublicKey> point_key(const base::Endpoint& listen) const {
    return points_.own_key(listen);
  }

  void set_point_key(const base::Endpoint& listen, const wg::PublicKey& key) {
    if (points_.set_own_key(listen, key)) publish(base::read_clock().steady, Voice::quiet);
  }

  void take(const base::Endpoint& listen, const PointReport& report) {
    const base::Now now = base::read_clock();
    if (stopped_ || !points_.take(listen, report, now)) return;
    registry_.tick(now);
    publish(now.steady, Voice::aloud);
  }

  [[nodiscard]] ObservatoryStatus status() const {
    ObservatoryStatus result;
    for (const auto& interface : interfaces_->all())
      result.sources.push_back({interface->name,
                                interface->state == InterfaceSources::Interface::State::readable,
                                interface->problem, registry_.listed_by(interface->id)});
    for (const std::string& name : points_.names())
      result.sources.push_back({name, true, {}, configured_peers_});
    result.peers = peers_.size();
    result.serial = serial_.current();
    result.public_list_cut = lists_.cut(View::public_view);
    result.private_list_cut = lists_.cut(View::private_view);
    result.durable = durable_;
    return result;
  }

  [[nodiscard]] PeerSightings sightings(const wg::PublicKey& key) const {
    PeerSightings result;
    for (const Registry::Seen& one : registry_.seen(key))
      result.seen.push_back({name_of(one.source), one.observation, one.is_stale});
    result.fixed = registry_.fixed(key);
    return result;
  }

 private:
  /// Whether each change is told to the log.
  enum class Voice : std::uint8_t { quiet, aloud };

  /// What of the configuration is asked for again and again.
  struct Settings {
    explicit Settings(const Config& config)
        : poll_interval(config.poll_interval), state_dir(config.state_dir) {}

    std::chrono::milliseconds poll_interval;
    std::string state_dir;
  };

  void start_serial(base::Now now) {
    serial_ = Serial(store_.load_serial_end(), now.wall);
    reserve_now();
  }

  /// Before the first answer, and where a step could not wait.
  void reserve_now() {
    const auto end = serial_.wanted_reservation();
    if (!end) return;
    StateStore::Batch batch;
    batch.serial_end = end;
    const auto written = store_.write(batch);
    if (!written) report_write_error(written.error());
    serial_.set_reserved(*end);
  }

  void configure(const Config& config, Voice voice) {
    const auto draw = [&](const std::string& saved_name) { return draw_id(saved_name); };
    for (const std::string& gone : interfaces_->configure(config.interfaces, draw))
      forgotten_.push_back(gone);
    for (const std::string& gone : points_.configure(config.points, draw))
      forgotten_.push_back(gone);
    std::vector<SourceId> order;
    for (const auto& interface : interfaces_->all()) order.push_back(interface->id);
    for (const SourceId id : points_.ids()) order.push_back(id);

    registry_.begin_configuration(
        {config.stale_after, config.expire_after, config.publish_listed_only}, order);
    const base::SteadyTime now = base::read_clock().steady;
    Progress progress;
    std::size_t count = 0;
    for (const ConfiguredPeer& peer : config.peers) {
      registry_.configure(peer);
      if (++count % publish_every != 0) continue;
      publish(now, voice);
      if (progress.is_due())
        spdlog::info("{} of {} configured peers loaded", count, config.peers.size());
    }
    configured_peers_ = config.peers.size();
    registry_.end_configuration();
    publish(now, voice);
  }

  /// The same each time; no two sources have the same.
  SourceId draw_id(const std::string& saved_name) {
    return source_ids_.emplace(saved_name, static_cast<SourceId>(source_ids_.size())).first->second;
  }

  void restore(base::Now now) {
    for (const StateStore::SavedSource& saved : store_.load_sources()) {
      std::size_t count = 0;
      Progress progress;
      const auto publish_some = [&] {
        if (++count % publish_every != 0) return;
        publish(now.steady, Voice::quiet);
        if (progress.is_due()) spdlog::info("{}: {} peers known so far", saved.name, count);
      };
      if (!points_.restore(saved, store_, now, publish_some) &&
          !interfaces_->restore(saved, store_, now, publish_some))
        forgotten_.push_back(saved.name);
    }
  }

  // Sources

  void poll() {
    if (stopped_) return;
    interfaces_->poll();
    poll_timer_.expires_after(settings_.poll_interval);
    poll_timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
      const auto self = weak.lock();
      if (!ec && self) self->poll();
    });
  }

  void announce_ready() {
    if (live_.is_ready()) return;
    if (interfaces_->are_known()) live_.set_ready();
  }

  // Table

  /// Brings the table up to what the registry says, and notes what follows from the differences.
  void publish(base::SteadyTime now, Voice voice) {
    std::vector<PeerChange> changes;
    const std::vector<wg::PublicKey> touched = registry_.take_touched();
    for (const wg::PublicKey& key : touched) {
      const std::optional<PeerRecord> before = peers_.find(key);
      std::optional<PeerRecord> after = registry_.record(key);
      if (before == after) continue;
      if (voice == Voice::aloud)
        peer_log_.write(
            key, before, after, [&] { return cause_of(key, before, after); }, now);
      lists_.note_change(key, before, after);
      changes.push_back({key, std::move(after)});
    }
    peers_.apply(changes);
    for (const wg::PublicKey& key : touched) registry_.move_to_table(key);
    if (!changes.empty()) content_changed();
    arm_deadline();
    arm_save();
  }

  [[nodiscard]] std::string cause_of(const wg::PublicKey& key,
                                     const std::optional<PeerRecord>& before,
                                     const std::optional<PeerRecord>& after) const {
    for (const auto place : {&PeerRecord::ipv4, &PeerRecord::ipv6}) {
      if (!after || !(*after.*place)) continue;
      if (before && *before.*place == *after.*place) continue;
      const auto id = registry_.seen_by(key, *(*after.*place));
      if (id) return "seen by " + name_of(*id);
    }
    return "fixed by the configuration";
  }

  [[nodiscard]] std::string name_of(SourceId id) const {
    const std::string interface = interfaces_->name_of(id);
    return interface.empty() ? points_.name_of(id) : interface;
  }

  void arm_deadline() {
    const auto due = registry_.next_deadline();
    if (stopped_ || !due || (armed_deadline_ && *armed_deadline_ <= *due)) return;
    armed_deadline_ = due;
    deadline_timer_.expires_at(*due);
    deadline_timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->armed_deadline_.reset();
      const base::Now now = base::read_clock();
      self->registry_.tick(now);
      self->publish(now.steady, Voice::aloud);
    });
  }

  // Serial and lists

  void arm_step() {
    const auto due = serial_.next_step();
    if (stopped_ || step_armed_ || !due) return;
    step_armed_ = true;
    step_timer_.expires_at(std::max(*due, base::read_clock().steady));
    step_timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->step_armed_ = false;
      self->step(base::read_clock().steady);
    });
  }

  void step(base::SteadyTime now) {
    lists_.show();
    (void)serial_.step(now);
    live_.set_serial(serial_.current());
    arm_save();  // the reservation may be half used
    // Not stepped: the disk is slower than a thousand changes. The write that is under way goes on
    // from there.
  }

  // Disk

  void arm_save() {
    if (stopped_ || save_armed_ || saving_) return;
    if (!registry_.has_unsaved() && !interfaces_->has_unsaved() && forgotten_.empty() &&
        !points_.has_unsaved() && !serial_.wanted_reservation() && !serial_lost_)
      return;
    save_armed_ = true;
    save_timer_.expires_after(write_failed_ ? save_retry : save_delay);
    save_timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->save_armed_ = false;
      self->save();
    });
  }

  void save() {
    auto batch = std::make_shared<StateStore::Batch>(take_batch());
    batch->serial_end = serial_.wanted_reservation();
    if (std::exchange(serial_lost_, false) && !batch->serial_end)
      batch->serial_end = serial_.reserved_end();
    saving_ = true;
    asio::post(disk_pool_, [weak = weak_from_this(), &io = io_, &store = store_, batch] {
      auto written = store.write(*batch);
      asio::post(io, [weak, batch, written = std::move(written), durable = store.is_durable()] {
        const auto self = weak.lock();
        if (self) self->finish_save(*batch, written, durable);
      });
    });
  }

  void finish_save(const StateStore::Batch& batch,
                   const base::Expected<void, StateStore::WriteError>& written, bool durable) {
    saving_ = false;
    durable_ = durable;
    write_failed_ = !written;
    // Not written: the zone must go on changing; that a crash may then repeat a serial is in the
    // log.
    if (batch.serial_end) serial_.set_reserved(*batch.serial_end);
    if (!written) {
      report_write_error(written.error());
      write_again(batch, written.error().started_afresh);
    } else if (write_errors_) {
      write_errors_ = false;
      spdlog::info("state is kept again");
    }
    arm_step();
    arm_save();
  }

  void write_again(const StateStore::Batch& batch, bool everything) {
    if (everything) return save_everything();
    interfaces_->mark_unsaved(batch);
    points_.mark_unsaved(batch);
    for (const std::string& name : batch.forgotten_sources) forgotten_.push_back(name);
  }

  void save_everything() {
    registry_.mark_all_unsaved();
    interfaces_->mark_all_unsaved();
    points_.mark_all_unsaved();
    serial_lost_ = true;
  }

  void report_write_error(const StateStore::WriteError& error) {
    if (std::exchange(write_errors_, true) && !error.started_afresh) return;
    spdlog::error("{}; endpoints and the serial may be lost at a restart", error.message);
  }

  StateStore::Batch take_batch() {
    StateStore::Batch batch;
    batch.forgotten_sources = std::exchange(forgotten_, {});
    std::map<SourceId, std::string> names;
    interfaces_->take_unsaved(batch, names);
    points_.take_unsaved(batch, names);
    for (const UnsavedRows::Row& unsaved : registry_.take_unsaved()) {
      const auto name = names.find(unsaved.source);
      if (name == names.end()) continue;  // all of that source is forgotten
      batch.peers.push_back(
          {name->second, unsaved.key, registry_.saved(unsaved.source, unsaved.key)});
    }
    return batch;
  }

  asio::io_context& io_;
  const Config& start_config_;  // read in start() alone: a million peers are not copied
  Settings settings_;
  PeerTable& peers_;
  LiveState& live_;
  StateStore& store_;  // while saving_: belongs to disk_pool_

  Registry registry_;
  std::shared_ptr<InterfaceSources> interfaces_;
  PointSources points_;                         // after them
  std::map<std::string, SourceId> source_ids_;  // every source ever configured
  std::size_t configured_peers_ = 0;
  Serial serial_;
  PtrLists lists_;
  PeerLog peer_log_;

  std::vector<std::string> forgotten_;  // saved names of sources that are gone

  bool stopped_ = false;
  bool step_armed_ = false;
  bool save_armed_ = false;
  bool saving_ = false;
  bool write_failed_ = false;  // the last write
  bool write_errors_ = false;  // told to the log
  bool serial_lost_ = false;   // a new file has no reservation yet
  bool durable_ = false;
  std::optional<base::SteadyTime> armed_deadline_;
  asio::steady_timer poll_timer_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer step_timer_;
  asio::steady_timer save_timer_;
  // Last: its thread ends before what it was given.
  asio::thread_pool disk_pool_{1};
};

Observatory::Observatory(asio::io_context& io, const Config& config, PeerTable& peers,
                         LiveState& live, StateStore& store, ReadDevice read_device)
    : impl_(std::make_shared<Impl>(io, config, peers, live, store, std::move(read_device))) {}
Observatory::~Observatory() = default;

void Observatory::start() {
  impl_->start();
}
void Observatory::reload(const Config& config) {
  impl_->reload(config);
}
void Observatory::content_changed() {
  impl_->content_changed();
}
void Observatory::stop() {
  impl_->stop();
}
PointMemory Observatory::take_memory(const base::Endpoint& point) {
  return impl_->take_memory(point);
}
std::optional<wg::PublicKey> Observatory::point_key(const base::Endpoint& point) const {
  return impl_->point_key(point);
}
void Observatory::set_point_key(const base::Endpoint& point, const wg::PublicKey& key) {
  impl_->set_point_key(point, key);
}
void Observatory::take(const base::Endpoint& point, const PointReport& report) {
  impl_->take(point, report);
}
PeerSightings Observatory::sightings(const wg::PublicKey& key) const {
  return impl_->sightings(key);
}
ObservatoryStatus Observatory::status() const {
  return impl_->status();
}

}  // namespace dnsd
