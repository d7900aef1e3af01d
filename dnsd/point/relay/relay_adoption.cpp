#include "dnsd/point/relay/relay_adoption.hpp"

#include <algorithm>
#include <vector>

namespace dnsd {

namespace rules = relay_rules;

bool RelayAdoptions::begin(RelayId pair, std::uint8_t side, base::SteadyTime now) {
  const auto known = adoptions_.find(pair);
  if (known != adoptions_.end()) {
    if (now < known->second.ends) return true;
    end(pair);
  }
  auto& own = peers_[pairs_[pair].peers[side]].adoptions;
  auto& others = peers_[pairs_[pair].peers[side ^ 1U]].adoptions;
  if (own.size() >= rules::adoptions_per_peer || others.size() >= 4 * rules::adoptions_per_peer)
    return false;
  adoptions_[pair].ends = now + rules::adoption_life;
  own.insert(own.begin(), pair);
  others.push_back(pair);
  pairs_[pair].is_adopting = true;
  return true;
}

/// Of several adoptions the packets of an index go to each in turn: a peer drops what it has no
/// session for.
RelayAdoptions::Result RelayAdoptions::take(RelayId from, noise::SessionIndex index,
                                            std::size_t datagrams, base::SteadyTime now) {
  RelayId chosen = no_relay_id;
  std::uint8_t chosen_side = 0;
  Candidate* best = nullptr;
  std::size_t open = 0;
  bool is_of_one = false;
  bool is_paused = false;
  for (const RelayId pair : peers_[from].adoptions) {
    Adoption& adoption = adoptions_.at(pair);
    if (now >= adoption.ends) continue;
    const std::uint8_t side = pairs_[pair].peers[0] == from ? 0 : 1;
    const auto& own = adoption.candidates[side];
    const bool is_done =
        std::any_of(own.begin(), own.end(), [](const auto& one) { return one.is_route; });
    if (!is_done) ++open;
    is_of_one = true;
    if (pairs_[pair].pause.is_on(now)) {
      is_paused = true;
      continue;
    }
    Candidate* const found = candidate(adoption, side, index);
    if (found == nullptr || (best != nullptr && found->packets >= best->packets)) continue;
    best = found;
    chosen = pair;
    chosen_side = side;
  }
  if (best == nullptr) return {.is_held = is_of_one, .is_paused = is_paused};
  if (best->packets == 0) *best = {.index = index};
  if (best->packets >= rules::adoption_packets ||
      !best->pace.admit(now, rules::adoption_interval,
                        rules::adoption_interval * rules::adoption_burst))
    return {.is_held = true};
  best->packets += datagrams;
  best->last = now;
  Result result{.pair = chosen, .side = chosen_side};
  if (open <= 1) result.is_adopted = adopt(chosen, chosen_side, *best, now);
  return result;
}

/// The candidate of this index, or a place for it.
RelayAdoptions::Candidate* RelayAdoptions::candidate(Adoption& adoption, std::uint8_t side,
                                                     noise::SessionIndex index) {
  auto& all = adoption.candidates[side];
  for (Candidate& one : all) {
    if (one.packets > 0 && one.index == index) return &one;
  }
  for (Candidate& one : all) {
    if (one.packets == 0) return &one;
  }
  return nullptr;
}

/// Once both sides have sent something within the time of an answer.
bool RelayAdoptions::adopt(RelayId pair, std::uint8_t side, Candidate& candidate,
                           base::SteadyTime now) {
  auto& others = adoptions_.at(pair).candidates[side ^ 1U];
  const auto answer = std::max_element(
      others.begin(), others.end(), [](const auto& a, const auto& b) { return a.last < b.last; });
  if (answer->packets == 0 || now - answer->last > rules::adoption_answer) return false;
  const auto slot = pairs_.room_for_session(pair, true, now);
  if (!slot) return false;
  pairs_.clear_session(pair, *slot);
  pairs_[pair].sessions[*slot].initiator = side;
  const base::SteadyTime expires = now + rules::session_life;
  const auto add = [&](std::uint8_t from, Candidate& one) {
    pairs_.add_index(pair, *slot, from, one.index, expires);
    pairs_.note_use({.pair = pair, .side = from, .slot = *slot}, one.index, now);
    one.is_route = true;
  };
  add(side, candidate);
  if (!answer->is_route) add(side ^ 1U, *answer);
  pairs_.put_first(pair);
  return true;
}

void RelayAdoptions::end(RelayId pair) {
  for (const RelayId peer : pairs_[pair].peers) std::erase(peers_[peer].adoptions, pair);
  pairs_[pair].is_adopting = false;
  adoptions_.erase(pair);
}

void RelayAdoptions::sweep(base::SteadyTime now) {
  std::vector<RelayId> over;
  for (const auto& [pair, adoption] : adoptions_) {
    if (now >= adoption.ends) over.push_back(pair);
  }
  for (const RelayId pair : over) end(pair);
}

void RelayAdoptions::forget(RelayId peer) {
  while (!peers_[peer].adoptions.empty()) end(peers_[peer].adoptions.back());
}

}  // namespace dnsd
