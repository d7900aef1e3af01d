#pragma once

#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "dnsd/registry/observation.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Which rows of the state are not on disk yet, each named once. A row is what one source knows of
/// one peer. Holds only their keys: the content of a row is read when it is written. Pure; belongs
/// to the registry, and to its thread.
class UnsavedRows {
 public:
  struct Row {
    SourceId source;
    wg::PublicKey key;
  };

  /// The state of one row; the registry keeps it beside the content of the row.
  class State {
   public:
    State() = default;
    /// Came from the disk.
    explicit State(base::WallTime saved_last_seen) : saved_last_seen_(saved_last_seen) {}

   private:
    friend UnsavedRows;
    base::WallTime saved_last_seen_{};  // as it is on disk
    bool is_unsaved_ = false;           // it is in rows_
  };

  /// The content of the row has changed, or the row is to be deleted.
  void note_change(const Row& row, State& state);
  /// The peer was seen again at the same place. That counts once a minute only: a million
  /// keepalives are not a million writes.
  void note_renewal(const Row& row, State& state, base::WallTime last_seen);
  /// The same before the last write: any difference counts.
  void note_last(const Row& row, State& state, base::WallTime last_seen);
  /// A row of which nothing is known any more: forget it.
  void note_gone(const Row& row) { rows_.push_back(row); }

  [[nodiscard]] bool is_empty() const { return rows_.empty(); }
  /// The caller is about to write them. It calls note_taken() for each that still exists.
  [[nodiscard]] std::vector<Row> take() { return std::exchange(rows_, {}); }
  static void note_taken(State& state) { state.is_unsaved_ = false; }
  static void note_taken(State& state, base::WallTime last_seen) { state = State(last_seen); }

 private:
  std::vector<Row> rows_;
};

}  // namespace dnsd
