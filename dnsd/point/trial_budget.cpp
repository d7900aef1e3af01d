#include "dnsd/point/trial_budget.hpp"

#include <algorithm>

namespace dnsd {
namespace {

/// The addresses that one host of IPv6 can choose from are a /64.
base::Prefix network_of(const base::IpAddress& address) {
  return *base::Prefix::make(address, address.is_ipv4() ? 32 : 64);
}

}  // namespace

std::optional<base::SteadyTime> TrialBudget::begin(const wg::PublicKey& key,
                                                   const base::IpAddress& to,
                                                   base::SteadyTime now) {
  const auto state = state_.lock();
  if (state->accounts.size() >= state->sweep_at) {
    std::erase_if(state->accounts, [&](const auto& entry) { return entry.second.is_blank(now); });
    state->sweep_at = std::max<std::size_t>(1024, 2 * state->accounts.size());
  }
  Account& account = state->accounts[key];
  if (account.unanswered > 0) {
    if (now < account.rests_until) return std::nullopt;
    if (now < account.disbelieved_until && account.disbelieved->contains(to)) return std::nullopt;
  }
  if (account.open == 0 || now >= account.trial_ends) {
    account.open = 0;  // a point that was closed did not end its own
    account.trial_ends = now + trial_length;
  }
  ++account.open;
  return account.trial_ends;
}

void TrialBudget::end(const wg::PublicKey& key, const std::optional<base::IpAddress>& unanswered,
                      base::SteadyTime now) {
  const auto state = state_.lock();
  const auto found = state->accounts.find(key);
  if (found == state->accounts.end()) return;
  Account& account = found->second;
  if (account.open > 0) --account.open;
  // Trials that end at several points at once are one.
  const bool is_counted = account.unanswered > 0 && now < account.rests_until;
  if (unanswered && !is_counted) {
    if (now >= account.disbelieved_until + forget_after) account.unanswered = 0;
    const bool is_first = account.unanswered == 0;
    const std::chrono::seconds disbelief = std::min<std::chrono::seconds>(
        first_disbelief * (1U << std::min(account.unanswered++, 6U)), longest_disbelief);
    account.disbelieved = network_of(*unanswered);
    account.disbelieved_until = now + disbelief;
    account.rests_until = now + (is_first ? rest : disbelief);
  }
  if (account.open == 0 && account.unanswered == 0) state->accounts.erase(found);
}

}  // namespace dnsd
