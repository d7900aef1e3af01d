#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "updater/plan/memory.hpp"

namespace updater {

/// The file of the memory. Not thread-safe: one owner.
class MemoryFile {
 public:
  enum class Access : std::uint8_t { read_only, read_write };
  MemoryFile(std::filesystem::path path, Access access);

  /// A file that cannot be understood is said once and kept aside as `FILE.bad`; then, and when
  /// there is none yet, the memory is empty.
  [[nodiscard]] Memory load() const;
  /// Replaces the file in one step: after a crash it is the old one or the new one. A failure is
  /// logged when it begins and when it ends. Read-only: does nothing.
  void save(const Memory& memory);

 private:
  std::filesystem::path path_;
  Access access_;
  std::string boot_;
  bool failing_ = false;
};

}  // namespace updater
