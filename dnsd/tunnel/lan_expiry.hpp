#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>

#include "dnsd/peers/lan_table.hpp"

namespace dnsd {

/// Withdraws announcements that were not renewed, and tells the control thread of every change of
/// content. Lives on the control thread, but for note_change().
class LanExpiry {
 public:
  /// \param content_changed called on the thread of `io`. All outlive the keeper; its handlers must
  /// not run after it is gone.
  LanExpiry(asio::io_context& io, LanTable& table, std::function<void()> content_changed);

  /// Somebody announced something. Any thread.
  void note_change();

 private:
  void arm();

  asio::io_context& io_;
  LanTable& table_;
  std::function<void()> content_changed_;
  asio::steady_timer timer_;
  bool armed_ = false;
};

}  // namespace dnsd
