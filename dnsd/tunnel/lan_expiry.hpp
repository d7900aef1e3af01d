#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>

#include "dnsd/peers/lan_table.hpp"

namespace dnsd {

/// Withdraws LAN announcements that were not renewed in time, and reports every change of content.
/// Lives on the control thread, except for note_change().
class LanExpiry {
 public:
  /// \param content_changed called on the thread of `io`. The references outlive this object; its
  /// handlers must not run after it is gone.
  LanExpiry(asio::io_context& io, LanTable& table, std::function<void()> content_changed);

  /// Call it when an announcement has changed the table. Any thread.
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
