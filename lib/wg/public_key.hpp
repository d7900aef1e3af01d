#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.hpp"

namespace wg {

/// A peer's Curve25519 public key, 32 octets. Not a secret. Ordered bytewise: the order decides
/// which of two peers kicks first (doc/protocol.md §4.3) and which peers the list holds (§1.1). A
/// plain value; the default is all zero.
class PublicKey {
 public:
  PublicKey() = default;
  explicit PublicKey(const base::Octets32& octets) : octets_(octets) {}
  /// 44 characters of base64 as `wg` prints them; strict: one text, one key.
  [[nodiscard]] static std::optional<PublicKey> parse(std::string_view base64);
  /// 64 hex digits as the UAPI writes them.
  [[nodiscard]] static std::optional<PublicKey> parse_hex(std::string_view hex);

  [[nodiscard]] const base::Octets32& octets() const { return octets_; }
  [[nodiscard]] bool is_zero() const { return octets_ == base::Octets32{}; }
  [[nodiscard]] std::string to_base64() const { return base::to_base64(octets_); }
  [[nodiscard]] std::string to_hex() const { return base::to_hex(octets_); }
  /// For logs: `xTIB…p8Dg`, the first and last four characters of the base64 form (without '=').
  [[nodiscard]] std::string to_short() const;

  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  base::Octets32 octets_{};
};

/// How logs name a peer: `alice (xTIB…p8Dg)`, or `(xTIB…p8Dg)` when it has no name.
[[nodiscard]] std::string describe_peer(std::string_view name, const PublicKey& key);

}  // namespace wg

/// The hash is keyed with a secret of this process, so that nobody can choose keys that collide:
/// everybody who may register a peer chooses keys, and anybody may query the table.
template <>
struct std::hash<wg::PublicKey> {
  [[nodiscard]] std::size_t operator()(const wg::PublicKey& key) const noexcept;
};
