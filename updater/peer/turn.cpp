#include "updater/peer/turn.hpp"

#include <utility>

namespace updater {

void Turn::tell(Note::Level level, std::string text) {
  plan.notes.push_back({level, std::move(text), key()});
}

void Turn::write(std::vector<wg::PeerUpdate> updates, std::string reason, Note::Level level,
                 std::string mechanism) {
  for (auto update = updates.rbegin(); update != updates.rend(); ++update) {
    if (!update->persistent_keepalive) continue;
    memory.keepalive.prepare(shown.persistent_keepalive, *update->persistent_keepalive);
    break;
  }
  for (const wg::PeerUpdate& update : updates) {
    if (update.endpoint) written = update.endpoint;
  }
  plan.changes.push_back(
      {key(), std::move(updates), std::move(reason), level, std::move(mechanism)});
}

}  // namespace updater
