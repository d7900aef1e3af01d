#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "updater/plan/memory.hpp"

namespace updater {

/// The file that keeps the memory over restarts. Not thread-safe.
class MemoryFile {
 public:
  enum class Access : std::uint8_t { read_only, read_write };
  MemoryFile(std::filesystem::path path, Access access);

  /// \return empty if there is no file yet, or it cannot be read. A file that cannot be understood
  /// is logged and, if the access is read-write, kept as `FILE.bad`.
  [[nodiscard]] Memory load() const;
  /// Replaces the file atomically. A failure is logged when it begins and when it ends. Does
  /// nothing if the access is read-only.
  void save(const Memory& memory);

 private:
  [[nodiscard]] std::string put_aside() const;

  std::filesystem::path path_;
  Access access_;
  std::string boot_;
  bool failing_ = false;
};

}  // namespace updater
