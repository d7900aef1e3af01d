#pragma once

#include <cstdint>

#include "wg/public_key.hpp"

namespace wg_test {

/// Keys differ in their first octet.
inline wg::PublicKey public_key(std::uint8_t first) {
  base::Octets32 octets{};
  octets.fill(7);
  octets[0] = first;
  return wg::PublicKey(octets);
}

}  // namespace wg_test
