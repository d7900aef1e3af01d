#include "dnsd/registry/peer_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

namespace dnsd {
namespace {

using Endpoints = std::array<std::optional<base::Endpoint>, 2>;

Endpoints endpoints_of(const std::optional<PeerRecord>& record) {
  return record ? Endpoints{record->ipv4, record->ipv6} : Endpoints{};
}

/// Those of `a` that are not in `b`, as text.
std::string difference(const Endpoints& a, const Endpoints& b) {
  std::string text;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a.at(i) || a.at(i) == b.at(i)) continue;
    if (!text.empty()) text += " and ";
    text += a.at(i)->to_string();
  }
  return text;
}

}  // namespace

bool LineBudget::take(base::SteadyTime now) {
  if (!refilled_) refilled_ = now;
  const auto earned = (now - *refilled_) / interval_;
  if (earned > 0) {
    left_ = static_cast<unsigned>(std::min<decltype(earned + 0)>(earned + left_, burst_));
    *refilled_ += earned * interval_;
  }
  if (left_ == 0) {
    ++held_back_;
    return false;
  }
  --left_;
  return true;
}

unsigned LineBudget::take_held_back() {
  return std::exchange(held_back_, 0);
}

PeerEvent classify_change(const std::optional<PeerRecord>& before,
                          const std::optional<PeerRecord>& after) {
  if (!after || endpoints_of(before) != endpoints_of(after)) return PeerEvent::place;
  const bool was_stale = before && before->stale.has_value();
  return was_stale != after->stale.has_value() ? PeerEvent::age : PeerEvent::none;
}

std::string describe_change(const std::optional<PeerRecord>& before,
                            const std::optional<PeerRecord>& after, std::string_view cause) {
  if (!after) return "no longer registered";
  const std::string added = difference(endpoints_of(after), endpoints_of(before));
  const std::string removed = difference(endpoints_of(before), endpoints_of(after));
  if (!added.empty()) {
    const std::string was = removed.empty() ? "" : fmt::format(" (was {})", removed);
    const char* stale = after->stale ? ", stale until seen again" : "";
    return fmt::format("{} {}{}{}", added, cause, was, stale);
  }
  if (!removed.empty()) return fmt::format("{} withdrawn: not seen lately", removed);
  if (!after->stale) return "seen again at the same place";
  return fmt::format("stale: last seen at {:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(*after->stale)));
}

void PeerLog::write(const wg::PublicKey& key, const std::optional<PeerRecord>& before,
                    const std::optional<PeerRecord>& after,
                    const std::function<std::string()>& cause, base::SteadyTime now) {
  const PeerEvent event = classify_change(before, after);
  if (event == PeerEvent::none) return;
  LineBudget& budget = event == PeerEvent::age ? ages_ : places_;
  const bool in_budget = budget.take(now);
  if (!in_budget && !spdlog::should_log(spdlog::level::debug)) return;
  const PeerRecord& named = after ? *after : *before;
  const std::string line = fmt::format("{}: {}", wg::describe_peer(named.detail->name, key),
                                       describe_change(before, after, cause()));
  const unsigned held_back = in_budget ? budget.take_held_back() : 0;
  if (!in_budget) {
    spdlog::debug("{}", line);
  } else if (held_back > 0) {
    spdlog::info("{} (and {} lines of this kind before, not written)", line, held_back);
  } else {
    spdlog::info("{}", line);
  }
}

}  // namespace dnsd
