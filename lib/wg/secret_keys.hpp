#pragma once

#include "base/secret.hpp"

namespace wg {

/// A Curve25519 private key.
using PrivateKey = base::Secret<struct PrivateKeyMeaning>;
/// The additional symmetric key of two peers; all zero: they have none (WireGuard paper §5.2).
using PresharedKey = base::Secret<struct PresharedKeyMeaning>;

}  // namespace wg
