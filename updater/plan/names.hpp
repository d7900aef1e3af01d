#pragma once

#include <map>
#include <string>
#include <vector>

#include "updater/plan/memory.hpp"
#include "updater/plan/plan.hpp"
#include "updater/settings/settings.hpp"
#include "wg/device.hpp"

namespace updater {

/// What the peers of a device are called. In this order: by the operator (`name:`), by a comment in
/// WireGuard's file, by the public host (`name=`, private view), as they were called before
/// (PeerMemory::name): wg-quick saves files without comments. A name belongs to one peer, in any
/// case of its letters; another one gets a number. A plain value; names decide nothing.
class Names {
 public:
  /// Takes all names of WireGuard's file, in place of those that it had before. What is no label is
  /// skipped.
  void learn_file(const std::map<wg::PublicKey, std::string>& names);
  /// Takes what the public host calls a peer. \param name empty: nothing.
  void learn_told(const wg::PublicKey& peer, const std::string& name);

  /// Makes `settings.names` those of the device's peers, where anything changed since the last
  /// call. \param memory remembers each peer's name. \param notes what a person should know.
  void settle(const wg::Device& device, Settings& settings, Memory& memory,
              std::vector<Note>& notes);
  /// The same for a peer that is not on the device yet, until the next settle(): it is called what
  /// the file or the public host calls it, unless another peer is called that.
  void name_newcomer(const wg::PublicKey& peer, Settings& settings) const;

 private:
  using ByPeer = std::map<wg::PublicKey, std::string>;

  ByPeer file_;
  ByPeer told_;
  std::vector<wg::PublicKey> peers_;  ///< of the last reading, sorted
  ByPeer clashes_;                    ///< told to people
  bool is_new_ = true;                ///< something was learnt that settings do not have yet
};

}  // namespace updater
