#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/expected.hpp"

namespace base {

enum class FileUse : std::uint8_t {
  state,      ///< for this program alone (0600), and lasts through a power cut
  published,  ///< for every program of the host to read (0644)
};

/// Replaces the file in one step, by way of `PATH.new`: a reader sees the old text or the new one,
/// also after a crash. Makes its folder. Blocks. \error of the system: the old file is as it was.
[[nodiscard]] Expected<void, std::error_code> replace_file(const std::filesystem::path& path,
                                                           std::string_view text, FileUse use);

}  // namespace base
