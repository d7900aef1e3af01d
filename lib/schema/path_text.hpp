#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "dns/name.hpp"
#include "wg/public_key.hpp"

/// What a peer tells of its ways to the others, `_path.K.Z` TXT: the strings of one record, and the
/// UPDATE that changes the records at the public host (doc/protocol.md §3.3). For both programs.
///
/// It is a report for people. Whoever tells it may lie, so nobody decides anything by it.
namespace schema {

/// How packets go to another peer.
enum class Way : std::uint8_t {
  direct,  ///< straight, over the Internet
  lan,     ///< straight, inside a network
  relay,   ///< a point passes them on, unread
  none     ///< no session works between the two
};
/// The word in the record.
[[nodiscard]] std::string_view to_string(Way way);

/// One record: the way to one other peer. A peer has one record per other.
struct PeerPath {
  wg::PublicKey peer;  ///< the other
  Way way = Way::none;
  /// Milliseconds, a power of two up to max_path_rtt; none: not measured. Way::none has none.
  std::optional<std::uint32_t> rtt = std::nullopt;

  friend bool operator==(const PeerPath&, const PeerPath&) = default;
};
/// All records of one peer, ordered by the other's key.
using PeerPaths = std::vector<PeerPath>;
/// The place of the record about this peer, or where it belongs.
[[nodiscard]] PeerPaths::const_iterator find_place(const PeerPaths& paths,
                                                   const wg::PublicKey& peer);
/// nullptr: there is none.
[[nodiscard]] const PeerPath* find_path(const PeerPaths& paths, const wg::PublicKey& peer);

/// Records of one peer at most.
inline constexpr std::size_t max_paths = 256;
/// More than a minute: a longer round trip is told as this one.
inline constexpr std::uint32_t max_path_rtt = 65536;

/// The next power of two, in milliseconds, 1 to max_path_rtt. Powers, because each change of a
/// record steps the zone's serial, and round trips never stand still.
[[nodiscard]] std::uint32_t round_up_rtt(std::chrono::microseconds round_trip);

/// Reads the data of one TXT record: the strings `peer=` `way=` and perhaps `rtt=`, in this order,
/// and no other. \return nullopt: anything else.
[[nodiscard]] std::optional<PeerPath> parse_path_text(base::Bytes rdata);
/// The reverse.
void write_path_text(base::ByteWriter& writer, const PeerPath& path);
/// The longest that write_path_text() makes: 57, 10 and 9 octets, each behind its length.
inline constexpr std::size_t max_path_text_octets = (1 + 57) + (1 + 10) + (1 + 9);

/// One step of an UPDATE (RFC 2136 §2.5). Steps are done in their order.
struct PathEdit {
  enum class Kind : std::uint8_t {
    remove_all,  ///< §2.5.2; `path` does not matter
    remove,      ///< §2.5.4: this record, if it is there as it is here
    add          ///< §2.5.1: instead of the one about the same peer
  };
  Kind kind{};
  PeerPath path = {};

  friend bool operator==(const PathEdit&, const PathEdit&) = default;
};

/// Records that one message adds and removes, besides one remove_all: they fit behind the longest
/// zone name.
inline constexpr std::size_t max_path_edits = 10;

/// A whole UPDATE message. \param zone at most max_zone_octets. \param key of the sender.
/// \param edits at most max_path_edits, and one remove_all.
[[nodiscard]] std::vector<std::uint8_t> write_path_update(std::uint16_t id, dns::NameView zone,
                                                          const wg::PublicKey& key,
                                                          std::span<const PathEdit> edits);

}  // namespace schema
