#include "dnsd/observatory.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <map>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "dnsd/event_log.hpp"
#include "dnsd/interface_observer.hpp"
#include "dnsd/observation_point.hpp"
#include "dnsd/peer_list.hpp"
#include "dnsd/point_sources.hpp"
#include "dnsd/registry.hpp"
#include "dnsd/serial.hpp"
#include "dnsd/state_store.hpp"
#include "dnsd/zone.hpp"

namespace dnsd {
namespace {

/// What was confirmed is on disk within a second (design §3.6): half of it to gather, half to
/// write.
constexpr std::chrono::milliseconds save_delay{500};
constexpr std::chrono::seconds save_retry{10};

/// Interfaces that are read at the same time; one whose process hangs holds a thread for 2 s.
constexpr std::size_t device_threads = 4;

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

std::string saved_name(const std::string& interface) {
  return "interface:" + interface;
}

/// Whether the PTR list of a view holds the peer.
bool is_listed(const std::optional<PeerRecord>& record, View view, bool publish_private) {
  if (!record) return false;
  const auto visible = [&](const std::optional<base::Endpoint>& endpoint) {
    return endpoint && is_published(*endpoint, view, publish_private);
  };
  const bool host_only = !record->ipv4 && !record->ipv6 && record->detail->host_target;
  return visible(record->ipv4) || visible(record->ipv6) || host_only;
}

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
        read_device_(std::move(read_device)),
        registry_(peers),
        points_(registry_),
        serial_(std::nullopt, {}),
        public_list_{View::public_view, PeerList(config.list_max)},
        private_list_{View::private_view, PeerList(config.list_max)},
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
    const bool lists_change = settings_.list_max != before.list_max ||
                              settings_.publish_private != before.publish_private;
    if (settings_.state_dir != before.state_dir)
      spdlog::warn("state-dir {} counts from the next start", settings_.state_dir);
    configure(config, Voice::aloud);
    if (lists_change) {
      for (List* list : {&public_list_, &private_list_}) {
        list->peers.set_max(settings_.list_max);
        refill(*list);
      }
    }
    content_changed();
    poll();
  }

  void content_changed() {
    serial_.note_change();
    arm_step();
  }

  void stop() {
    stopped_ = true;
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
    for (const auto& source : sources_)
      result.sources.push_back({source->name, source->state == Interface::State::readable,
                                source->problem, registry_.listed_by(source->id)});
    for (const std::string& name : points_.names())
      result.sources.push_back({name, true, {}, configured_peers_});
    result.peers = peers_.size();
    result.serial = serial_.current();
    result.public_list_cut = public_list_.peers.cut();
    result.private_list_cut = private_list_.peers.cut();
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
        : list_max(config.list_max),
          publish_private(config.publish_private),
          poll_interval(config.poll_interval),
          state_dir(config.state_dir) {}

    std::size_t list_max;
    bool publish_private;
    std::chrono::milliseconds poll_interval;
    std::string state_dir;
  };

  struct Interface {
    enum class State : std::uint8_t { unread, readable, lost };

    SourceId id{};
    std::string name;
    InterfaceObserver observer;
    State state = State::unread;
    std::string problem;
    bool known = false;      ///< read once, or restored
    bool in_flight = false;  ///< being read on another thread
  };

  struct List {
    View view;
    PeerList peers;
    bool was_cut = false;
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
    std::vector<std::shared_ptr<Interface>> sources;
    std::vector<SourceId> order;
    for (const std::string& name : config.interfaces) {
      sources.push_back(find_or_make_source(name));
      order.push_back(sources.back()->id);
    }
    for (const auto& old : sources_) {
      if (std::find(sources.begin(), sources.end(), old) == sources.end())
        forgotten_.push_back(saved_name(old->name));
    }
    sources_ = std::move(sources);
    for (const std::string& gone : points_.configure(
             config.points, [&](const std::string& saved_name) { return draw_id(saved_name); }))
      forgotten_.push_back(gone);
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

  std::shared_ptr<Interface> find_or_make_source(const std::string& name) {
    for (const auto& source : sources_) {
      if (source->name == name) return source;
    }
    auto source = std::make_shared<Interface>();
    source->id = draw_id(saved_name(name));
    source->name = name;
    unsaved_sources_.push_back(source->id);
    return source;
  }

  /// The same each time; no two sources have the same.
  SourceId draw_id(const std::string& saved_name) {
    return source_ids_.emplace(saved_name, static_cast<SourceId>(source_ids_.size())).first->second;
  }

  void restore(base::Now now) {
    std::size_t of_points = 0;
    const auto publish_some = [&] {
      if (++of_points % publish_every == 0) publish(now.steady, Voice::quiet);
    };
    for (const StateStore::SavedSource& saved : store_.load_sources()) {
      const auto found = std::find_if(sources_.begin(), sources_.end(), [&](const auto& source) {
        return saved_name(source->name) == saved.name;
      });
      if (points_.restore(saved, store_, now, publish_some)) continue;
      if (found == sources_.end()) {
        forgotten_.push_back(saved.name);
        continue;
      }
      Interface& source = **found;
      std::size_t count = 0;
      Progress progress;
      store_.load_peers(saved.name, [&](const SavedPeer& peer) {
        source.observer.restore(peer, now);
        registry_.restore(source.id, peer, now);
        if (++count % publish_every != 0) return;
        publish(now.steady, Voice::quiet);
        if (progress.is_due()) spdlog::info("{}: {} peers known so far", source.name, count);
      });
      registry_.set_own_key(source.id, saved.own_key);
      source.known = true;
      spdlog::info("{}: {} peers known from the last run", source.name, count);
    }
  }

  // Sources

  void poll() {
    if (stopped_) return;
    for (const auto& source : sources_) {
      if (!source->in_flight) read(source);
    }
    poll_timer_.expires_after(settings_.poll_interval);
    poll_timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
      const auto self = weak.lock();
      if (!ec && self) self->poll();
    });
  }

  /// What one poll brought, taken in slices: a million peers do not hold this thread.
  struct Poll {
    base::Now now{};
    std::size_t peers = 0;
    InterfaceObserver::Update update;
    std::size_t taken = 0;  // of all that is in `update`
  };

  /// While it is in flight, the observer of the interface belongs to the other thread.
  void read(const std::shared_ptr<Interface>& source) {
    source->in_flight = true;
    asio::post(
        device_pool_, [weak = weak_from_this(), source, &io = io_, read_device = read_device_] {
          auto result = read_device(source->name);
          base::Expected<Poll, wg::DeviceError> poll = Poll{};
          if (result) {
            poll->now = base::read_clock();
            poll->peers = result->peers.size();
            poll->update = source->observer.update(*result, poll->now);
          } else {
            poll = base::Unexpected(result.error());
          }
          // Shared: a handler must be copyable.
          asio::post(io, [weak, weak_source = std::weak_ptr(source),
                          poll = std::make_shared<decltype(poll)>(std::move(poll))] {
            const auto self = weak.lock();
            const auto read_source = weak_source.lock();  // none: the reload dropped the interface
            if (!self || !read_source || self->stopped_) return;
            if (*poll) {
              self->take(read_source, std::shared_ptr<Poll>(poll, &**poll));
            } else {
              read_source->in_flight = false;
              self->lose(*read_source, poll->error());
            }
          });
        });
  }

  void take(const std::shared_ptr<Interface>& source, const std::shared_ptr<Poll>& poll) {
    const InterfaceObserver::Update& update = poll->update;
    if (poll->taken == 0 && registry_.own_key(source->id) != update.own_key) {
      registry_.set_own_key(source->id, update.own_key);
      unsaved_sources_.push_back(source->id);
    }
    const std::size_t seen_at = update.listed.size();
    const std::size_t gone_at = seen_at + update.seen.size();
    const std::size_t all = gone_at + update.gone.size();
    const std::size_t end = std::min(all, poll->taken + publish_every);
    for (; poll->taken < end; ++poll->taken) {
      const std::size_t i = poll->taken;
      if (i < seen_at) {
        registry_.list(source->id, update.listed[i].key, update.listed[i].allowed_ips);
      } else if (i < gone_at) {
        const auto& seen = update.seen[i - seen_at];
        registry_.observe(source->id, seen.key, seen.observation, poll->now);
      } else {
        registry_.unlist(source->id, update.gone[i - gone_at]);
      }
    }
    if (end < all) {
      publish(poll->now.steady, Voice::aloud);
      asio::post(io_, [weak = weak_from_this(), weak_source = std::weak_ptr(source), poll] {
        const auto self = weak.lock();
        const auto taken = weak_source.lock();
        if (self && taken && !self->stopped_) self->take(taken, poll);
      });
      return;
    }
    source->in_flight = false;
    finish(*source, *poll);
  }

  void finish(Interface& source, const Poll& poll) {
    source.known = true;
    registry_.tick(poll.now);
    if (source.state != Interface::State::readable)
      spdlog::info("{}: {} with {} peers", source.name,
                   source.state == Interface::State::lost ? "readable again" : "observed",
                   poll.peers);
    source.state = Interface::State::readable;
    source.problem.clear();
    publish(poll.now.steady, Voice::aloud);
    announce_ready();
  }

  /// What was known stays, and ages.
  static void lose(Interface& source, const wg::DeviceError& error) {
    source.problem = error.message;
    if (std::exchange(source.state, Interface::State::lost) == Interface::State::lost) return;
    spdlog::warn("{}; what was known of its peers stays, and it is tried again", error.message);
  }

  void announce_ready() {
    if (live_.is_ready()) return;
    const bool all_known = std::all_of(sources_.begin(), sources_.end(),
                                       [](const auto& source) { return source->known; });
    if (all_known) live_.set_ready();
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
        event_log_.write(
            key, before, after, [&] { return cause_of(key, before, after); }, now);
      for (List* list : {&public_list_, &private_list_}) {
        const bool was = is_listed(before, list->view, settings_.publish_private);
        const bool is = is_listed(after, list->view, settings_.publish_private);
        if (is && !was) list->peers.add(key);
        if (was && !is) list->peers.remove(key);
      }
      changes.push_back({key, std::move(after)});
    }
    peers_.apply(changes);
    for (const wg::PublicKey& key : touched) registry_.settle(key);
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
    const auto found = std::find_if(sources_.begin(), sources_.end(),
                                    [&](const auto& source) { return source->id == id; });
    return found == sources_.end() ? points_.name_of(id) : (*found)->name;
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
    for (List* list : {&public_list_, &private_list_}) show(*list);
    (void)serial_.step(now);
    live_.set_serial(serial_.current());
    arm_save();  // the reservation may be half used
    // Not stepped: the disk is slower than a thousand changes. The write that is under way goes on
    // from there.
  }

  void show(List& list) {
    if (list.peers.needs_refill()) refill(list);
    if (!list.peers.take_changed()) return;
    live_.set_list(list.view, std::make_shared<const LiveState::KeyList>(list.peers.keys()));
    const bool is_cut = list.peers.cut() > 0;
    if (std::exchange(list.was_cut, is_cut) == is_cut) return;
    const char* view = list.view == View::public_view ? "public" : "private";
    if (is_cut) {
      spdlog::info("the {} list holds the first {} of {} peers (list-max)", view,
                   settings_.list_max, list.peers.total());
    } else {
      spdlog::info("the {} list holds all {} peers again", view, list.peers.total());
    }
  }

  void refill(List& list) {
    list.peers.clear();
    peers_.for_each([&](const wg::PublicKey& key, const PeerRecord& record) {
      if (is_listed(record, list.view, settings_.publish_private)) list.peers.add(key);
    });
  }

  // Disk

  void arm_save() {
    if (stopped_ || save_armed_ || saving_) return;
    if (!registry_.has_unsaved() && unsaved_sources_.empty() && forgotten_.empty() &&
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
    for (const StateStore::SavedRow& row : batch.peers) {
      for (const auto& source : sources_) {
        if (saved_name(source->name) == row.source) registry_.mark_unsaved({source->id, row.key});
      }
    }
    for (const StateStore::SavedSource& saved : batch.sources) {
      for (const auto& source : sources_) {
        if (saved_name(source->name) == saved.name) unsaved_sources_.push_back(source->id);
      }
    }
    points_.mark_unsaved(batch);
    for (const std::string& name : batch.forgotten_sources) forgotten_.push_back(name);
  }

  void save_everything() {
    registry_.mark_all_unsaved();
    for (const auto& source : sources_) unsaved_sources_.push_back(source->id);
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
    for (const auto& source : sources_) {
      names[source->id] = saved_name(source->name);
      std::erase(batch.forgotten_sources, names[source->id]);  // a later reload brought it back
    }
    for (const SourceId id : std::exchange(unsaved_sources_, {})) {
      if (names.contains(id)) batch.sources.push_back({names[id], registry_.own_key(id)});
    }
    points_.take_unsaved(batch, names);
    for (const Registry::Unsaved& unsaved : registry_.take_unsaved()) {
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
  ReadDevice read_device_;

  Registry registry_;
  std::vector<std::shared_ptr<Interface>> sources_;  // in configuration order
  PointSources points_;                              // after them
  std::map<std::string, SourceId> source_ids_;       // every source ever configured
  std::size_t configured_peers_ = 0;
  Serial serial_;
  List public_list_;
  List private_list_;
  EventLog event_log_;

  std::vector<SourceId> unsaved_sources_;
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
  // Last: their threads end before what they were given.
  asio::thread_pool device_pool_{device_threads};
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
