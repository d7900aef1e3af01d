#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "updater/plan/memory.hpp"
#include "updater/plan/plan.hpp"
#include "updater/settings/settings.hpp"
#include "wg/device.hpp"

namespace updater {

/// One peer's share of one step: the input of its decisions, and where they are written. Borrowed
/// for the step; not copied.
struct Turn {
  const Scene& scene;
  const Settings& settings;
  const wg::DevicePeer& shown;  ///< the peer in scene.device
  PeerMemory& memory;           ///< the peer's; changed in place
  Plan& plan;                   ///< notes, changes, probes and look-ups are appended

  /// The last endpoint that write() was given; none: the step leaves the endpoint alone.
  std::optional<base::Endpoint> written = std::nullopt;

  [[nodiscard]] base::SteadyTime now() const { return scene.now.steady; }
  [[nodiscard]] const wg::PublicKey& key() const { return shown.public_key; }

  /// Appends a note about the peer. \param text without its name.
  void tell(Note::Level level, std::string text);
  /// Appends a change of the peer, and records in the memory which keepalive is ours after it.
  /// \param updates of this peer, at least one. \param reason a clause.
  /// \param mechanism Change::mechanism.
  void write(std::vector<wg::PeerUpdate> updates, std::string reason,
             Note::Level level = Note::Level::change, std::string mechanism = {});
};

}  // namespace updater
