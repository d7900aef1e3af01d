#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <vector>

#include "dnsd/peers/told_table.hpp"

namespace dnsd {

/// Withdraws what peers told and did not renew in time, and reports every change of content. Lives
/// on the control thread, except for note_change().
class ToldExpiry {
 public:
  /// \param tables whose entries live equally long. \param content_changed called on the thread of
  /// `io`. All outlive this object; its handlers must not run after it is gone.
  ToldExpiry(asio::io_context& io, std::vector<Expiring*> tables,
             std::function<void()> content_changed);

  /// Call it when one of the tables has changed. Any thread.
  void note_change();

 private:
  void arm();

  asio::io_context& io_;
  std::vector<Expiring*> tables_;
  std::function<void()> content_changed_;
  asio::steady_timer timer_;
  bool armed_ = false;
};

}  // namespace dnsd
