#include "wg/public_key.hpp"

#include <fmt/format.h>

#include "base/hash.hpp"

namespace wg {

std::optional<PublicKey> PublicKey::parse(std::string_view base64) {
  const auto octets = base::parse_base64(base64);
  if (!octets) return std::nullopt;
  return PublicKey(*octets);
}

std::optional<PublicKey> PublicKey::parse_hex(std::string_view hex) {
  const auto octets = base::parse_hex(hex);
  if (!octets) return std::nullopt;
  return PublicKey(*octets);
}

std::string PublicKey::to_short() const {
  const std::string text = to_base64();
  return fmt::format("{}…{}", text.substr(0, 4), text.substr(39, 4));
}

std::string describe_peer(std::string_view name, const PublicKey& key) {
  return name.empty() ? fmt::format("({})", key.to_short())
                      : fmt::format("{} ({})", name, key.to_short());
}

}  // namespace wg

std::size_t std::hash<wg::PublicKey>::operator()(const wg::PublicKey& key) const noexcept {
  return base::keyed_hash(key.octets());
}
