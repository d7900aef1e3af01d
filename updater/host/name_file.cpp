#include "updater/host/name_file.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "base/read_file.hpp"
#include "wg/config_file.hpp"

namespace updater {
namespace {

/// wg-quick replaces the file, an editor may write into it.
bool is_same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

std::optional<NameFile::Names> NameFile::read_if_new() {
  struct stat now {};
  if (path_.empty() || ::stat(path_.c_str(), &now) != 0 || is_same(now, last_)) return std::nullopt;
  last_ = now;
  auto text = base::read_file(path_);
  if (!text) return std::nullopt;
  const auto file = wg::parse_config_file(*text);
  OPENSSL_cleanse(text->data(), text->size());  // it has the private key
  Names names;
  for (const wg::ConfigPeer& peer : file.peers) {
    if (!peer.name.empty()) names.peers.emplace(peer.public_key, peer.name);
  }
  for (const wg::ConfigError& warning : file.warnings) {
    if (warning.is_about_name)
      names.warnings.push_back(fmt::format("{}:{}: {}", path_, warning.line, warning.message));
  }
  return names;
}

}  // namespace updater
