#include "noise/key_file.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/encoding.hpp"
#include "base/read_file.hpp"
#include "base/replace_file.hpp"
#include "base/secret_file.hpp"

namespace noise {
namespace {

constexpr std::size_t key_characters = 44;
/// The key, its newline, and a rest that shows that the file holds something else.
constexpr std::size_t max_octets = 64;

template <typename Key>
base::Expected<Key, std::string> read_key(const std::string& path, const char* what,
                                          const char* maker) {
  base::WipedBuffer<char> buffer(max_octets);
  const auto text = base::read_secret_file(path, buffer);
  if (!text)
    return base::Unexpected(fmt::format("{}: {}", path, base::explain_read_error(text.error())));
  if (const auto fault = base::find_encoding_fault(*text); !fault.empty())
    return base::Unexpected(fmt::format("{}: {}", path, fault));
  const auto key = parse_secret<Key>(*text);
  if (!key)
    return base::Unexpected(
        fmt::format("{}: is not a {} key: 44 characters, as `{}` prints them", path, what, maker));
  return *key;
}

base::Expected<wg::PrivateKey, std::string> make_private_key(const std::string& path) {
  wg::PrivateKey key;
  fill_random(key.span());
  key.span()[0] &= 0xf8;  // Curve25519: as `wg genkey` does
  key.span()[31] = static_cast<std::uint8_t>((key.span()[31] & 0x7fU) | 0x40U);
  base::Octets32 octets{};
  std::copy(key.bytes().begin(), key.bytes().end(), octets.begin());
  std::string text = base::to_base64(octets) + "\n";
  OPENSSL_cleanse(octets.data(), octets.size());
  const auto made = base::make_file(path, text, base::FileUse::state);
  OPENSSL_cleanse(text.data(), text.size());
  if (!made)
    return base::Unexpected(
        fmt::format("{}: the key cannot be written: {}", path, made.error().message()));
  return key;
}

}  // namespace

template <typename Key>
std::optional<Key> parse_secret(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  if (text.size() != key_characters) return std::nullopt;
  auto octets = base::parse_base64(text);
  if (!octets) return std::nullopt;
  const Key result(*octets);
  OPENSSL_cleanse(octets->data(), octets->size());
  return result;
}
template std::optional<wg::PrivateKey> parse_secret(std::string_view text);
template std::optional<wg::PresharedKey> parse_secret(std::string_view text);

base::Expected<wg::PrivateKey, std::string> read_private_key(const std::string& path) {
  return read_key<wg::PrivateKey>(path, "private", "wg genkey");
}

base::Expected<wg::PresharedKey, std::string> read_preshared_key(const std::string& path) {
  return read_key<wg::PresharedKey>(path, "preshared", "wg genpsk");
}

base::Expected<wg::PrivateKey, std::string> read_or_make_private_key(
    const std::string& path, const std::optional<wg::PublicKey>& known) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 || errno != ENOENT) return read_private_key(path);
  if (known)
    return base::Unexpected(fmt::format(
        "{}: is missing, and the peers know this point as {}: put the file back; only to begin "
        "anew, with another key, remove the state folder as well",
        path, known->to_base64()));
  return make_private_key(path);
}

}  // namespace noise
