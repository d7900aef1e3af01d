#include "dnsd/tunnel/told_expiry.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "base/clock.hpp"

namespace dnsd {

ToldExpiry::ToldExpiry(asio::io_context& io, std::vector<Expiring*> tables,
                       std::function<void()> content_changed)
    : io_(io),
      tables_(std::move(tables)),
      content_changed_(std::move(content_changed)),
      timer_(io) {}

void ToldExpiry::note_change() {
  asio::post(io_, [this] {
    content_changed_();
    arm();
  });
}

/// Renewals only postpone deadlines, and what is told later is due later, so an armed timer never
/// fires too late.
void ToldExpiry::arm() {
  std::optional<base::SteadyTime> due;
  for (const Expiring* table : tables_) {
    const auto next = table->next_deadline();
    if (next) due = std::min(due.value_or(*next), *next);
  }
  if (armed_ || !due) return;
  armed_ = true;
  timer_.expires_at(*due);
  timer_.async_wait([this](const std::error_code& ec) {
    if (ec) return;
    armed_ = false;
    const base::SteadyTime now = base::read_steady();
    bool is_changed = false;
    for (Expiring* table : tables_) is_changed = table->expire(now) || is_changed;
    if (is_changed) content_changed_();
    arm();
  });
}

}  // namespace dnsd
