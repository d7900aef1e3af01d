#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wg/public_key.hpp"

namespace updater {

/// The names of peers in the comments of WireGuard's file (lib/wg/config_names.hpp). The file is
/// only read, and its secrets are wiped.
class NameFile {
 public:
  struct Names {
    std::map<wg::PublicKey, std::string> peers;  ///< those that have a name
    std::vector<std::string> warnings;           ///< about names, each with file and line
  };

  /// \param path empty: there is no file.
  explicit NameFile(std::string path) : path_(std::move(path)) {}

  /// Blocks, for the disk alone. \return nullopt: the file is as the last call found it, or cannot
  /// be read: what was known stays.
  [[nodiscard]] std::optional<Names> read_if_new();

 private:
  const std::string path_;
  struct stat last_ {};  // all zero: never seen
};

}  // namespace updater
