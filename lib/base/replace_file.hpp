#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/expected.hpp"

/// The one way in which files are written: whole or not at all, also after a crash. The text goes
/// to a file of a random name beside its place (`PATH.XXXXXX`), made new and for its owner alone,
/// which then takes that place. So what others put into the folder, a link, a FIFO or another file,
/// is neither followed nor written to; and the modes below hold whatever the umask is. Blocks.
namespace base {

enum class FileUse : std::uint8_t {
  state,      ///< for this program alone (0600, its folder 0700), and lasts through a power cut
  published,  ///< for every program of the host to read (0644)
};

/// Replaces the file: a reader sees the old text or the new one. Makes its folder. \error of the
/// system: the old file is as it was.
[[nodiscard]] Expected<void, std::error_code> replace_file(const std::filesystem::path& path,
                                                           std::string_view text, FileUse use);

/// Makes a file in a folder that is there. One that is there already is never replaced: that is the
/// error file_exists. \error of the system: nothing was made
[[nodiscard]] Expected<void, std::error_code> make_file(const std::filesystem::path& path,
                                                        std::string_view text, FileUse use);

/// Makes the folder of a file of this use, and those above it. One that is there stays as it is.
/// \error of the system
[[nodiscard]] Expected<void, std::error_code> make_folder(const std::filesystem::path& folder,
                                                          FileUse use);

}  // namespace base
