#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/peers/ptr_lists.hpp"
#include "dnsd/peers/serial.hpp"
#include "dnsd/registry/peer_log.hpp"
#include "dnsd/registry/registry.hpp"

namespace dnsd {

/// Brings the peer table up to what the registry says, and does what follows from the differences:
///
///     Registry ─▶ publish() ─▶ PeerTable, PtrLists, PeerLog
///                     └─▶ step(), every 100 ms at most ─▶ LiveState: PTR lists, serial
///
/// Also lets the registry age: what is due becomes stale or is withdrawn. A source tells the
/// registry what it has learnt, and then calls publish().
///
/// Every call and every timer is on the thread of `io`, the only writer of the table. Timers hold
/// this weakly, so it is made with std::make_shared.
class Publisher : public std::enable_shared_from_this<Publisher> {
 public:
  /// Whether each change is logged.
  enum class Voice : std::uint8_t { quiet, aloud };

  /// All references outlive this. \param unsaved called when there may be something to save: rows
  /// of the registry, or the next block of serials
  Publisher(asio::io_context& io, Registry& registry, PeerTable& peers, LiveState& live,
            std::function<void()> unsaved);

  /// The serial continues from here. Call it before the first step().
  void start_serial(const Serial& serial) { serial_ = serial; }
  void set_list_rules(const PtrLists::Rules& rules) { lists_.set_rules(rules); }

  /// Publishes what changed in the registry since the last call.
  void publish(base::SteadyTime now, Voice voice);
  /// The points that pass packets on, by their own keys, in this order: the first max_relays of
  /// them are published with each peer that is relayed.
  void set_relays(std::vector<wg::PublicKey> relays);
  /// The zone itself was replaced, or what it says apart from the peers: the serial steps soon.
  void content_changed();
  /// Shows the PTR lists of what was published, and its serial if that may step. At once.
  void step(base::SteadyTime now);
  /// Every source was read: from now on an unknown key is answered as not existing.
  void set_ready();
  /// Stops the timers: nothing is published, and nothing ages, by itself any more.
  void stop();

  [[nodiscard]] const Serial& serial() const { return serial_; }
  /// As Serial::set_reserved(); a serial that waited for it steps.
  void set_reserved(std::uint32_t end);
  /// As Serial::skip_reserved(), at once.
  void skip_reserved(std::uint32_t end);

  /// Peers that list-max keeps out.
  [[nodiscard]] std::size_t cut(View view) const { return lists_.cut(view); }

 private:
  [[nodiscard]] std::string cause_of(const wg::PublicKey& key,
                                     const std::optional<PeerRecord>& before,
                                     const std::optional<PeerRecord>& after) const;
  void arm_deadline();
  void arm_step();

  Registry& registry_;
  PeerTable& peers_;
  LiveState& live_;
  const std::function<void()> unsaved_;
  Serial serial_;
  PtrLists lists_;
  PeerLog peer_log_;
  std::vector<wg::PublicKey> relays_;

  bool stopped_ = false;
  bool lists_changed_ = false;
  std::optional<base::SteadyTime> shown_;  // the lists
  std::optional<base::SteadyTime> armed_deadline_;
  std::optional<base::SteadyTime> armed_step_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer step_timer_;
};

/// Publishes what is being loaded a chunk at a time: the table is written while a large
/// configuration is being read, not copied as a whole first.
class ChunkedLoad {
 public:
  ChunkedLoad(Publisher& publisher, base::SteadyTime now, Publisher::Voice voice);

  /// Call it after each peer that was loaded into the registry. \return true about once per second:
  /// time to report progress
  [[nodiscard]] bool add();
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  Publisher& publisher_;
  const base::SteadyTime now_;
  const Publisher::Voice voice_;
  std::size_t count_ = 0;
  base::SteadyTime told_;
};

}  // namespace dnsd
