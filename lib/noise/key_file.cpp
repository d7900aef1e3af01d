#include "noise/key_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/encoding.hpp"
#include "base/file_descriptor.hpp"

namespace noise {
namespace {

constexpr std::size_t key_characters = 44;
/// The key, its newline, and a rest that shows that the file holds something else.
constexpr std::size_t max_octets = 64;

std::string last_error() {
  return std::generic_category().message(errno);
}

template <typename Secret>
base::Expected<Secret, std::string> read_secret(const std::string& path, const char* what,
                                                    const char* maker) {
  const base::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return base::Unexpected(fmt::format("{}: cannot be read: {}", path, last_error()));
  base::WipedBuffer<char> text(max_octets);
  const ssize_t size = ::read(file.get(), text.span().data(), max_octets);
  if (size < 0) return base::Unexpected(fmt::format("{}: cannot be read: {}", path, last_error()));
  const auto key = parse_secret<Secret>({text.span().data(), static_cast<std::size_t>(size)});
  if (!key)
    return base::Unexpected(
        fmt::format("{}: is not a {} key: 44 characters, as `{}` prints them", path, what, maker));
  return *key;
}

/// Whole or not at all: a crash must not leave half a key behind.
base::Expected<wg::PrivateKey, std::string> make(const std::string& path) {
  const auto fail = [&](const char* what) {
    const std::string reason = last_error();
    (void)::unlink((path + ".new").c_str());
    return base::Unexpected(fmt::format("{}: {}: {}", path, what, reason));
  };
  wg::PrivateKey key;
  fill_random(key.span());
  key.span()[0] &= 0xf8;  // Curve25519: as `wg genkey` does
  key.span()[31] = static_cast<std::uint8_t>((key.span()[31] & 0x7fU) | 0x40U);
  base::Octets32 octets{};
  std::copy(key.bytes().begin(), key.bytes().end(), octets.begin());
  std::string text = base::to_base64(octets) + "\n";
  OPENSSL_cleanse(octets.data(), octets.size());
  const base::FileDescriptor file(
      ::open((path + ".new").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  const bool written =
      file && ::fchmod(file.get(), 0600) == 0 &&
      ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file.get()) == 0;
  OPENSSL_cleanse(text.data(), text.size());
  if (!written) return fail("the key cannot be written");
  // link() and not rename(): a key that appeared meanwhile is never replaced.
  if (::link((path + ".new").c_str(), path.c_str()) != 0) return fail("the key cannot be written");
  (void)::unlink((path + ".new").c_str());
  return key;
}

}  // namespace

template <typename Secret>
std::optional<Secret> parse_secret(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  if (text.size() != key_characters) return std::nullopt;
  auto octets = base::parse_base64(text);
  if (!octets) return std::nullopt;
  const Secret result(*octets);
  OPENSSL_cleanse(octets->data(), octets->size());
  return result;
}
template std::optional<wg::PrivateKey> parse_secret(std::string_view text);
template std::optional<wg::PresharedKey> parse_secret(std::string_view text);

base::Expected<wg::PrivateKey, std::string> read_private_key(const std::string& path) {
  return read_secret<wg::PrivateKey>(path, "private", "wg genkey");
}

base::Expected<wg::PresharedKey, std::string> read_preshared_key(const std::string& path) {
  return read_secret<wg::PresharedKey>(path, "preshared", "wg genpsk");
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
  return make(path);
}

}  // namespace noise
