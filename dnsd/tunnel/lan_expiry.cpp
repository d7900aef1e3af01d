#include "dnsd/tunnel/lan_expiry.hpp"

#include <asio/post.hpp>
#include <utility>

namespace dnsd {

LanExpiry::LanExpiry(asio::io_context& io, LanTable& table, std::function<void()> content_changed)
    : io_(io), table_(table), content_changed_(std::move(content_changed)), timer_(io) {}

void LanExpiry::note_change() {
  asio::post(io_, [this] {
    content_changed_();
    arm();
  });
}

/// Renewals only postpone deadlines, so an armed timer never fires too late.
void LanExpiry::arm() {
  const auto due = table_.next_deadline();
  if (armed_ || !due) return;
  armed_ = true;
  timer_.expires_at(*due);
  timer_.async_wait([this](const std::error_code& ec) {
    if (ec) return;
    armed_ = false;
    if (table_.expire(base::read_steady())) content_changed_();
    arm();
  });
}

}  // namespace dnsd
