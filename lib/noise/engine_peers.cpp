// The peers of an engine and their newest timestamps. What they send is in engine.cpp.

#include <utility>

#include "noise/engine.hpp"

namespace noise {

void Engine::add_peer(const wg::PublicKey& peer, const wg::PresharedKey& psk, const Tai64n& mark) {
  const auto [it, is_new] = peers_.try_emplace(peer);
  Peer& known = it->second;
  if (is_new) {
    known.mark = mark;
    const auto departed = departed_.take(peer);
    if (departed && *departed > mark) note_mark(*it, *departed);
  }
  if (known.psk == psk) return;
  known.psk = psk;
  drop_all(*it);
}

void Engine::remove_peer(const wg::PublicKey& peer, base::SteadyTime now) {
  const auto it = peers_.find(peer);
  if (it == peers_.end()) return;
  restore_mark(peer, it->second.mark, now);
  drop_all(*it);
  peers_.erase(it);
}

void Engine::restore_mark(const wg::PublicKey& peer, const Tai64n& mark, base::SteadyTime removed) {
  if (mark != Tai64n()) departed_.add(peer, mark, removed);
}

void Engine::reset_peer(const wg::PublicKey& peer) {
  const auto it = peers_.find(peer);
  if (it == peers_.end()) return;
  it->second.last_initiation.reset();
  note_mark(*it, {});
}

std::optional<Tai64n> Engine::mark(const wg::PublicKey& peer) const {
  const auto it = peers_.find(peer);
  return it == peers_.end() ? std::nullopt : std::optional(it->second.mark);
}

void Engine::note_mark(Node& node, const Tai64n& mark) {
  node.second.mark = mark;
  if (!std::exchange(node.second.is_marked, true)) marked_.push_back(node.first);
}

std::vector<wg::PublicKey> Engine::take_marked() {
  for (const wg::PublicKey& key : marked_) {
    const auto it = peers_.find(key);
    if (it != peers_.end()) it->second.is_marked = false;
  }
  return std::exchange(marked_, {});
}

}  // namespace noise
