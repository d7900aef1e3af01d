#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/expected.hpp"
#include "noise/crypto.hpp"

/// Files with one secret of WireGuard: 44 characters of base64 as `wg genkey` and `wg genpsk` print
/// them, and a newline. Errors are one sentence that names the file and never what it holds.
namespace noise {

/// The text of such a file. \tparam Key wg::PrivateKey or wg::PresharedKey. \return nullopt: it is
/// not one.
template <typename Key>
[[nodiscard]] std::optional<Key> parse_secret(std::string_view text);

/// Reads a private key, e.g. of `wg genkey`.
[[nodiscard]] base::Expected<wg::PrivateKey, std::string> read_private_key(const std::string& path);
[[nodiscard]] base::Expected<wg::PresharedKey, std::string> read_preshared_key(
    const std::string& path);

/// As read_private_key(); makes the file, mode 0600, if there is none. \param known the key that an
/// earlier run had: then a missing file is an error. A new key would make every peer's
/// configuration wrong, and no peer would notice.
[[nodiscard]] base::Expected<wg::PrivateKey, std::string> read_or_make_private_key(
    const std::string& path, const std::optional<wg::PublicKey>& known);

}  // namespace noise
