#pragma once

#include <cstddef>
#include <optional>

namespace dnsd {

/// Whether the kernel is to hand on datagrams joined (UDP_GRO). To look whether it has joined any
/// costs a cold line of memory for each datagram, 2 to 4 % of what it costs to pass one on. So it
/// is switched off where nothing comes joined, and tried again later. Pure; one thread.
class JoinSwitch {
 public:
  /// Datagrams one by one in a row, after which it is off.
  static constexpr std::size_t patience = 1024;
  /// Datagrams after which it is tried again: a part of a second at rates at which it matters.
  static constexpr std::size_t pause = 16'384;

  /// After each batch. \param is_last no more wait: what the kernel has joined before a change is
  /// no longer told as such after it
  /// \return whether it is to be on from now; nullopt: as it is
  [[nodiscard]] std::optional<bool> note(std::size_t datagrams, bool has_joined, bool is_last) {
    count_ = has_joined ? 0 : count_ + datagrams;
    if (!is_last || count_ < (is_on_ ? patience : pause)) return std::nullopt;
    count_ = 0;
    is_on_ = !is_on_;
    return is_on_;
  }

 private:
  bool is_on_ = true;
  std::size_t count_ = 0;
};

}  // namespace dnsd
