#include "dnsd/registry/unsaved_rows.hpp"

#include <chrono>

namespace dnsd {
namespace {

/// How far a saved sighting may lag behind an unmoved peer.
constexpr std::chrono::seconds save_interval{60};

}  // namespace

void UnsavedRows::note_change(const Row& row, State& state) {
  if (std::exchange(state.is_unsaved_, true)) return;
  rows_.push_back(row);
}

void UnsavedRows::note_renewal(const Row& row, State& state, base::WallTime last_seen) {
  // Either way: the wall clock may have been set back.
  const auto unsaved_for = std::chrono::abs(last_seen - state.saved_last_seen_);
  if (unsaved_for >= save_interval) note_change(row, state);
}

void UnsavedRows::note_last(const Row& row, State& state, base::WallTime last_seen) {
  if (last_seen != state.saved_last_seen_) note_change(row, state);
}

}  // namespace dnsd
