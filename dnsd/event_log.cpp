#include "dnsd/event_log.hpp"

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

PeerEvent describe_change(const std::optional<PeerRecord>& before,
                          const std::optional<PeerRecord>& after, std::string_view seen_by) {
  using Kind = PeerEvent::Kind;
  const Endpoints old_places = endpoints_of(before);
  const Endpoints new_places = endpoints_of(after);
  const std::string added = difference(new_places, old_places);
  const std::string removed = difference(old_places, new_places);
  if (!after) return {Kind::place, "no longer registered"};
  if (!added.empty()) {
    const std::string was = removed.empty() ? "" : fmt::format(" (was {})", removed);
    const std::string stale = after->stale ? ", stale until seen again" : "";
    return {Kind::place, fmt::format("{} {}{}{}", added, seen_by, was, stale)};
  }
  if (!removed.empty()) return {Kind::place, fmt::format("{} withdrawn: not seen lately", removed)};
  const bool was_stale = before && before->stale.has_value();
  if (after->stale && !was_stale) {
    return {Kind::age,
            fmt::format("stale: last seen at {:%Y-%m-%dT%H:%M:%SZ}",
                        fmt::gmtime(std::chrono::system_clock::to_time_t(*after->stale)))};
  }
  if (!after->stale && was_stale) return {Kind::age, "seen again at the same place"};
  return {};
}

void EventLog::write(const wg::PublicKey& key, const std::optional<PeerRecord>& before,
                     const std::optional<PeerRecord>& after, std::string_view seen_by,
                     base::SteadyTime now) {
  const PeerEvent event = describe_change(before, after, seen_by);
  if (event.kind == PeerEvent::Kind::none) return;
  const PeerRecord& named = after ? *after : *before;
  const std::string line =
      fmt::format("{}: {}", wg::describe_peer(named.detail->name, key), event.text);
  LineBudget& budget = event.kind == PeerEvent::Kind::age ? ages_ : places_;
  if (!budget.take(now)) {
    spdlog::debug("{}", line);
    return;
  }
  const unsigned held_back = budget.take_held_back();
  if (held_back > 0) {
    spdlog::info("{} (and {} lines of this kind before, not written)", line, held_back);
  } else {
    spdlog::info("{}", line);
  }
}

}  // namespace dnsd
