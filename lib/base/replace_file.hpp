#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace base {

enum class FileUse : std::uint8_t {
  state,      ///< for this program alone (0600), and lasts through a power cut
  published,  ///< for every program of the host to read (0644)
};

/// Replaces the file in one step, by way of `PATH.new`: a reader sees the old text or the new one,
/// also after a crash. Makes its folder. \return what failed, as a clause; empty: nothing.
[[nodiscard]] std::string replace_file(const std::filesystem::path& path, std::string_view text,
                                       FileUse use);

}  // namespace base
