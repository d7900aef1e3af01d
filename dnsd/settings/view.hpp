#pragma once

#include <cstdint>
#include <string_view>

#include "base/endpoint.hpp"

namespace dnsd {

/// What a client may see. On a listener, records of the other view do not exist
/// (doc/protocol.md §1.3).
enum class View : std::uint8_t { public_view, private_view };

[[nodiscard]] constexpr std::string_view to_string(View view) {
  return view == View::public_view ? "public" : "private";
}

/// Parts of the private view that the operator opened to the public: `public: [names, allowed,
/// since, map, list]`.
struct PublicParts {
  bool names = false;    ///< the CNAMEs of named peers, and name= in TXT
  bool allowed = false;  ///< allowed= in TXT
  bool since = false;    ///< since= and stale= in TXT
  bool map = false;      ///< map= in TXT
  bool list = false;     ///< the PTR lists

  friend bool operator==(const PublicParts&, const PublicParts&) = default;
};

/// Whether an endpoint is told to this view (doc/protocol.md §2.5).
[[nodiscard]] bool is_published(const base::Endpoint& endpoint, View view, bool publish_private);

}  // namespace dnsd
