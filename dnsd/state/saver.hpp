#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/expected.hpp"
#include "dnsd/registry/publisher.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/state/state_store.hpp"
#include "noise/tai64n.hpp"

namespace dnsd {

/// Brings to the disk what is not there yet: rows of the registry, what is known of the sources
/// themselves, names of peers, and how far the serial is reserved.
///
/// What was confirmed is on disk within a second. A write that failed is repeated every 10 s, with
/// what came meanwhile; it is logged once, and once more when writing works again. Until then the
/// serial moves as far as it is reserved, and not beyond (see Serial). A store that could not be
/// opened is opened again every 10 s; then what it holds of peers that were not seen meanwhile is
/// taken from it, and everything is saved there.
///
/// Every call and every timer is on the thread of `io`; the disk is waited for on a thread of the
/// saver's own, and the store belongs to that thread while a write is under way. Timers and
/// completions hold this weakly, so it is made with std::make_shared.
class Saver : public std::enable_shared_from_this<Saver> {
 public:
  struct Pace {
    /// What was confirmed is on disk within a second: half of it to gather, half to write.
    std::chrono::milliseconds delay{500};
    std::chrono::milliseconds retry{10000};
  };

  /// All references outlive this.
  Saver(asio::io_context& io, Registry& registry, Publisher& publisher, StateStore& store)
      : Saver(io, registry, publisher, store, Pace()) {}
  Saver(asio::io_context& io, Registry& registry, Publisher& publisher, StateStore& store,
        Pace pace);

  /// Sets the publisher's serial to where the last run had reserved it, and reserves the first
  /// block. Blocks, before the first answer.
  void start(base::Now now);
  /// Call it after everything was loaded from the store. If that was found damaged meanwhile, the
  /// damage is logged, and all that was read is saved again, in a new file.
  void finish_loading();

  /// The source is configured: it is saved, and its rows are.
  void add_source(SourceId source);
  /// The source is not configured, or not any more: everything that was saved of it is deleted.
  void forget_source(SourceId source);
  /// Of a configured source: its own key, which the registry knows, has changed.
  void note_own_key(SourceId source);
  /// Of a configured point: the newest timestamp that it sent.
  void set_last_timestamp(SourceId source, noise::Tai64n timestamp);
  /// Of a configured point: it accepted this timestamp of a peer, the newest so far.
  void add_mark(SourceId source, const wg::PublicKey& key, noise::Tai64n timestamp);
  /// Of a configured point: what it passes on from one peer to another now; none: nothing any more.
  void set_routes(SourceId source, const wg::PublicKey& from, const wg::PublicKey& to,
                  std::vector<StateStore::SavedRoutes::Session> sessions);
  /// Of a configured point: the peer speaks to this address of it.
  void set_own_address(SourceId source, const wg::PublicKey& key, const base::IpAddress& address);
  /// Names that are kept from now on, in place of the earlier ones. \param names as restore_names()
  /// returns them
  void keep_names(PeerNames names);
  /// The same for one peer. \param name none: forget it. \return the one that was kept
  std::optional<KnownName> keep_name(const wg::PublicKey& key, std::optional<KnownName> name);
  /// Those that are kept. After start() those of the last run.
  [[nodiscard]] const PeerNames& names() const { return names_; }
  /// There may be something new to save in the registry or of the serial.
  void save_soon();
  /// Saves what is not yet saved, and blocks until it is. Nothing is written afterwards.
  void stop();

  /// Whether state survives a restart, as of the last write.
  [[nodiscard]] bool is_durable() const { return durable_ && !write_failed_; }
  /// Writes, and attempts to open the store, that have ended, well or badly.
  [[nodiscard]] std::uint64_t attempts() const { return attempts_; }

 private:
  /// Of one configured source, apart from its rows.
  struct Source {
    bool is_unsaved = true;  // own key or last timestamp
    noise::Tai64n last_timestamp;
    // Those that are unsaved:
    std::unordered_map<wg::PublicKey, noise::Tai64n> marks;
    std::map<std::pair<wg::PublicKey, wg::PublicKey>, std::vector<StateStore::SavedRoutes::Session>>
        routes;  // by sender and receiver
    std::unordered_map<wg::PublicKey, base::IpAddress> own_addresses;

    [[nodiscard]] bool has_unsaved() const {
      return is_unsaved || !marks.empty() || !routes.empty() || !own_addresses.empty();
    }
  };

  /// What the disk thread does, and what came of it.
  struct Write {
    StateStore::Batch batch;
    bool was_durable = false;  // false: the store is opened, and nothing written
    bool durable = false;
    base::Expected<void, StateStore::WriteError> result;
  };

  [[nodiscard]] bool has_unsaved() const;
  void save();
  static void run(StateStore& store, Write& write);
  void finish(const Write& write);
  void finish_save(const Write& write);
  void take_found_state();
  [[nodiscard]] StateStore::Batch take_batch();
  void put_back(const StateStore::Batch& batch);
  void save_everything();
  void report(const StateStore::WriteError& error);

  asio::io_context& io_;
  Registry& registry_;
  Publisher& publisher_;
  StateStore& store_;  // while under_way_: belongs to disk_pool_
  const Pace pace_;

  std::map<SourceId, Source> sources_;  // the configured ones
  std::set<SourceId> forgotten_;        // to be deleted from the store; none is in sources_
  PeerNames names_;
  std::unordered_set<wg::PublicKey> unsaved_names_;
  std::string told_problem_;  // of the store

  bool stopped_ = false;
  bool armed_ = false;
  bool write_failed_ = false;  // the last write
  bool told_error_ = false;
  bool durable_ = false;  // the store is open
  std::uint64_t attempts_ = 0;
  std::shared_ptr<Write> under_way_;
  asio::steady_timer timer_;
  // Last: its thread ends before what it uses.
  asio::thread_pool disk_pool_{1};
};

}  // namespace dnsd
