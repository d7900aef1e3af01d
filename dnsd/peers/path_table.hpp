#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/clock.hpp"
#include "dnsd/peers/told_table.hpp"
#include "schema/path_text.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// The last message of a peer that was granted.
struct PathPace {
  std::optional<base::SteadyTime> last;
  std::size_t digest = 0;  ///< of its octets
};

/// What peers tell of their ways to the others (`_path.K.Z`), for people. It is never authority: a
/// peer may say anything, and no endpoint, no answer about another peer and no decision of the
/// relay looks in here.
class PathTable final : public ToldTable<schema::PeerPaths, PathPace> {
 public:
  /// Of one peer, one message per 10 s is right (contract §3.7); the rest is for its jitter.
  static constexpr std::chrono::seconds interval{9};
  /// Records of all peers together: about 10 MB.
  static constexpr std::size_t max_records = 100000;

  enum class Verdict : std::uint8_t {
    renewed,    ///< no change of content
    changed,    ///< visible now
    too_often,  ///< nothing was changed or renewed, as with the next
    too_many    ///< it would be more than schema::max_paths, or than max_records
  };
  /// Does the steps of one message, all or none. Whatever they change, all that this peer told
  /// lives for `lifetime` from now on: 256 records need 26 messages, 260 s. The last message once
  /// more, because its reply got lost, does nothing, and is not too often.
  /// \param digest of the whole message. \param now not earlier than in a previous call, except
  /// when threads overtake each other.
  Verdict apply(const wg::PublicKey& key, std::span<const schema::PathEdit> edits,
                std::size_t digest, base::SteadyTime now);
};

}  // namespace dnsd
