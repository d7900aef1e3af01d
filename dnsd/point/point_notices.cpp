#include "dnsd/point/point_notices.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "dnsd/settings/option_values.hpp"

namespace dnsd {
namespace {

/// Changes the oddity of one peer; only peers that have one are kept.
template <typename Change>
void change_oddity(base::Guarded<PeerOddities>& guarded, const wg::PublicKey& key, Change change) {
  const auto oddities = guarded.lock();
  const auto found = oddities->find(key);
  PeerOddity oddity = found == oddities->end() ? PeerOddity{} : found->second;
  change(oddity);
  if (oddity != PeerOddity{}) {
    oddities->insert_or_assign(key, oddity);
  } else if (found != oddities->end()) {
    oddities->erase(found);
  }
}

}  // namespace

PointNotices::PointNotices(const base::Endpoint& listen) : listen_(listen.to_string()) {}

void PointNotices::tell(const PointRules::Notice& notice, const std::string& name,
                        base::SteadyTime now) {
  using Kind = PointRules::Notice::Kind;
  if (notice.kind != Kind::forged) set_flapping(notice.key, notice.kind == Kind::flapping);
  if (!may_write(notice.key, now)) return;
  const std::string who = fmt::format("{}: {}", listen_, wg::describe_peer(name, notice.key));
  switch (notice.kind) {
    case Kind::forged:
      spdlog::warn(
          "{}: packets in its name came from {}, where it does not answer: they may be forged; "
          "it is still said to be at {}",
          who, notice.left.to_string(), notice.place.to_string());
      return;
    case Kind::flapping:
      spdlog::warn("{}: to and fro between {} and {}: is its key used on two machines?", who,
                   notice.left.to_string(), notice.place.to_string());
      return;
    case Kind::settled:
      spdlog::info("{}: no longer moves to and fro, now at {}", who, notice.place.to_string());
      return;
  }
}

void PointNotices::clock_behind(const wg::PublicKey& key, const std::string& name,
                                std::chrono::seconds by, base::SteadyTime now) {
  set_clock_behind(key, std::max(by, std::chrono::seconds(1)));  // 0 would mean: it is not
  if (!may_write(key, now)) return;
  spdlog::warn(
      "{}: {}: its clock is {} s behind what it was: from another address its handshakes would "
      "look like replays and be ignored; set its clock, or accept it with: wg-dnsd peer reset",
      listen_, wg::describe_peer(name, key), by.count());
}

void PointNotices::over_rate(const wg::PublicKey& key, const std::string& name, std::uint64_t rate,
                             base::SteadyTime now) {
  if (!may_write(key, now)) return;
  spdlog::warn("{}: {}: sends more than relay-rate, {} bit/s, to other peers: the rest is dropped",
               listen_, wg::describe_peer(name, key), write_bit_rate(rate));
}

bool PointNotices::note_drop(const RelayCounters& counters, std::uint64_t total,
                             base::SteadyTime now) {
  const bool is_over_rate = std::exchange(told_rate_, counters.over_rate) < counters.over_rate;
  const bool is_over_total = std::exchange(told_total_, counters.over_total) < counters.over_total;
  if (!is_over_total || (last_over_total_ && now - *last_over_total_ < pause)) return is_over_rate;
  last_over_total_ = now;
  spdlog::warn(
      "{}: the peers send more than relay-total, {} bit/s, to each other: the rest is dropped",
      listen_, write_bit_rate(total));
  return is_over_rate;
}

void PointNotices::clock_is_right(const wg::PublicKey& key) {
  set_clock_behind(key, {});
}

void PointNotices::forget(const wg::PublicKey& key) {
  last_line_.erase(key);
  oddities_.lock()->erase(key);
}

bool PointNotices::may_write(const wg::PublicKey& key, base::SteadyTime now) {
  const auto [last, is_first] = last_line_.try_emplace(key, now);
  if (!is_first && now - last->second < pause) return false;
  last->second = now;
  return true;
}

void PointNotices::set_flapping(const wg::PublicKey& key, bool is_flapping) {
  change_oddity(oddities_, key, [&](PeerOddity& oddity) { oddity.is_flapping = is_flapping; });
}

void PointNotices::set_clock_behind(const wg::PublicKey& key, std::chrono::seconds behind) {
  change_oddity(oddities_, key, [&](PeerOddity& oddity) { oddity.clock_behind = behind; });
}

}  // namespace dnsd
