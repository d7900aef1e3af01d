#include "dnsd/settings/open_secrets.hpp"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/secret_file.hpp"

namespace dnsd {

std::vector<std::string> warn_of_open_secret(const std::string& path, const std::string& what) {
  if (!base::is_world_accessible(path)) return {};
  return {fmt::format("{}: {} is world accessible: make it its owner's alone, chmod 600 {}", path,
                      what, path)};
}

std::vector<std::string> warn_of_open_secrets(const Config& config) {
  std::set<std::pair<std::string, std::string>> files;
  for (const ConfiguredPoint& point : config.points)
    files.emplace(key_file_of(config, point), "this private key");
  for (const ConfiguredPeer& peer : config.peers) {
    if (!peer.preshared_key_file.empty())
      files.emplace(peer.preshared_key_file, "this preshared key");
  }
  if (config.cookie_secret_file) files.emplace(*config.cookie_secret_file, "this cookie secret");
  std::vector<std::string> warnings;
  for (const auto& [path, what] : files) {
    for (std::string& warning : warn_of_open_secret(path, what))
      warnings.push_back(std::move(warning));
  }
  return warnings;
}

}  // namespace dnsd
