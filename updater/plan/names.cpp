#include "updater/plan/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "base/encoding.hpp"
#include "schema/owner_name.hpp"

namespace updater {
namespace {

constexpr std::size_t max_label = 63;  // RFC 1035 §2.3.4

bool is_name(const std::string& text) {
  return !schema::check_peer_label(text).has_value();
}

/// Names that peers have, in lower case.
class Taken {
 public:
  /// \return false: another peer has it.
  bool take(const std::string& name) {
    std::string lower;
    for (const char c : name)
      lower += static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
    return names_.insert(std::move(lower)).second;
  }

  /// Takes the first of `bob-2`, `bob-3`, … that nobody has.
  std::string take_numbered(const std::string& name) {
    for (unsigned number = 2;; ++number) {
      const std::string end = fmt::format("-{}", number);
      std::string numbered = name.substr(0, max_label - end.size()) + end;
      if (is_name(numbered) && take(numbered)) return numbered;
    }
  }

 private:
  std::set<std::string> names_;
};

}  // namespace

void Names::learn_file(const std::map<wg::PublicKey, std::string>& names) {
  ByPeer known = names;
  std::erase_if(known, [](const auto& item) { return !is_name(item.second); });
  is_new_ |= known != file_;
  file_ = std::move(known);
}

void Names::learn_told(const wg::PublicKey& peer, const std::string& name) {
  if (!is_name(name)) {
    is_new_ |= told_.erase(peer) != 0;
    return;
  }
  std::string& known = told_[peer];
  is_new_ |= known != name;
  known = name;
}

void Names::settle(const wg::Device& device, Settings& settings, Memory& memory,
                   std::vector<Note>& notes) {
  std::vector<wg::PublicKey> peers;
  for (const wg::DevicePeer& peer : device.peers) peers.push_back(peer.public_key);
  std::sort(peers.begin(), peers.end());
  if (!is_new_ && peers == peers_) return;
  is_new_ = false;
  peers_ = std::move(peers);

  ByPeer before;
  for (const wg::PublicKey& peer : peers_) {
    const auto known = memory.find(peer);
    if (known != memory.end() && !known->second.name.empty()) before[peer] = known->second.name;
  }
  Taken taken;
  for (const auto& [key, peer] : settings.peers) {
    if (!peer.name.empty()) (void)taken.take(peer.name);
  }
  settings.names.clear();
  for (const ByPeer* source : {&file_, &told_, &before}) {
    for (const wg::PublicKey& peer : peers_) {
      const auto found = source->find(peer);
      if (found == source->end() || !settings.name_of(peer).empty()) continue;
      const std::string& name = found->second;
      memory[peer].name = name;
      if (taken.take(name)) {
        settings.names[peer] = name;
        continue;
      }
      settings.names[peer] = taken.take_numbered(name);
      std::string& clash = clashes_[peer];
      if (clash == name) continue;
      clash = name;
      notes.push_back({Note::Level::trouble,
                       fmt::format("another peer is called {} already; this one is {} here", name,
                                   settings.names[peer]),
                       peer});
    }
  }
}

void Names::name_newcomer(const wg::PublicKey& peer, Settings& settings) const {
  if (!settings.name_of(peer).empty()) return;
  for (const ByPeer* source : {&file_, &told_}) {
    const auto found = source->find(peer);
    if (found == source->end()) continue;
    Taken taken;
    for (const auto& [key, other] : settings.peers) (void)taken.take(other.name);
    for (const auto& [key, name] : settings.names) (void)taken.take(name);
    if (taken.take(found->second)) settings.names[peer] = found->second;
    return;
  }
}

}  // namespace updater
