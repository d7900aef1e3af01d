#pragma once

#include <chrono>

namespace base {

/// Steady time decides (deadlines, ages); wall time is only shown or stored (TXT strings, logs, the
/// state on disk).
using SteadyTime = std::chrono::steady_clock::time_point;
/// Unix time in whole seconds.
using WallTime = std::chrono::sys_seconds;

/// One instant on both clocks. Pure code takes it as a parameter and never asks the system.
struct Now {
  SteadyTime steady;
  WallTime wall;
};

/// The moment on the steady clock alone: for deadlines that no pure code decides.
[[nodiscard]] inline SteadyTime read_steady() {
  return std::chrono::steady_clock::now();
}

[[nodiscard]] inline Now read_clock() {
  return {read_steady(),
          std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now())};
}

}  // namespace base
