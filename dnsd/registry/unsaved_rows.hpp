#pragma once

#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "dnsd/registry/observation.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Which rows of the state are not on disk yet, each named once. A row is what one source knows of
/// one peer. Holds their keys alone: what a row says is asked for when it is written. Pure; belongs
/// to the registry, and to its thread.
class UnsavedRows {
 public:
  struct Row {
    SourceId source;
    wg::PublicKey key;
  };

  /// What is noted of one row; the registry keeps it beside what the row says.
  class State {
   public:
    State() = default;
    /// Came from the disk.
    explicit State(base::WallTime saved_last_seen) : saved_last_seen_(saved_last_seen) {}

   private:
    friend UnsavedRows;
    base::WallTime saved_last_seen_{};  // as the disk has it
    bool is_unsaved_ = false;           // it is named
  };

  /// The row says something else than before, or is to go.
  void note_change(const Row& row, State& state);
  /// The peer was seen again at the same place. That counts once a minute only: a million
  /// keepalives are not a million writes.
  void note_renewal(const Row& row, State& state, base::WallTime last_seen);
  /// The same before the last write: any difference counts.
  void flush(const Row& row, State& state, base::WallTime last_seen);
  /// A row of which nothing is known any more: forget it.
  void note_gone(const Row& row) { rows_.push_back(row); }

  [[nodiscard]] bool is_empty() const { return rows_.empty(); }
  /// They are about to be written. Each that still exists is told to note_taken().
  [[nodiscard]] std::vector<Row> take() { return std::exchange(rows_, {}); }
  static void note_taken(State& state) { state.is_unsaved_ = false; }
  static void note_taken(State& state, base::WallTime last_seen) { state = State(last_seen); }

 private:
  std::vector<Row> rows_;
};

}  // namespace dnsd
