#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Names of peers in the comments of WireGuard's files: WireGuard has no place for them, so each
/// generator and exporter has its own (doc/wg-dnsd.yaml.5). Pure.
namespace wg {

/// What one comment says about the name of a peer.
struct NameComment {
  /// In order of authority: of two comments about one peer the later kind counts.
  enum class Kind : std::uint8_t {
    lone,    ///< one word and nothing else: a name if the peer has no other comment
    marker,  ///< a generator's line about the section: `### Client bob`, `# BEGIN_PEER bob`
    name,    ///< it says that it is a name: `# Name = bob`
  };
  Kind kind{};
  std::string_view text;  ///< as it stands there, never empty; borrowed from the comment
};

/// \param comment what follows the first `#` of a line. \return nullopt: it names nobody.
[[nodiscard]] std::optional<NameComment> read_name_comment(std::string_view comment);

/// Whether a comment closes the section above it: `### end bob ###`, `# END_PEER bob`, `# bob end`.
/// Nothing above it is about a section below. \param comment as above
[[nodiscard]] bool is_end_comment(std::string_view comment);

/// One DNS label of at most 63 octets: a host name gives its first label, other characters than
/// letters, digits and inner hyphens become one hyphen each run. \return empty: nothing of it is
/// left, or what is left looks like a key in base32
[[nodiscard]] std::string make_name(std::string_view text);

}  // namespace wg
