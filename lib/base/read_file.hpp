#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/expected.hpp"
#include "base/file_descriptor.hpp"

namespace base {

/// What the system has no word for. As an error code its message is "Not a regular file".
enum class FileError : std::uint8_t { not_a_file = 1 };
[[nodiscard]] std::error_code make_error_code(FileError error);

/// Three times the size of a million peers with names, addresses and comments.
inline constexpr std::size_t max_file_octets = std::size_t{1} << 30U;

/// Opens a file for reading, following links. Never waits: a FIFO that nobody writes to, or a
/// device, is FileError::not_a_file. \error of the system: no such file, not readable, a folder
[[nodiscard]] Expected<FileDescriptor, std::error_code> open_file(
    const std::filesystem::path& path);

/// The whole contents of a file, also of one in /proc, which does not tell its length. Blocks, but
/// for the disk alone. No copy of the text stays behind in memory: a caller that reads secrets has
/// only the result to wipe. \param max octets that are read at most \error as open_file(), and
/// file_too_large
[[nodiscard]] Expected<std::string, std::error_code> read_file(const std::filesystem::path& path,
                                                               std::size_t max = max_file_octets);

}  // namespace base

template <>
struct std::is_error_code_enum<base::FileError> : std::true_type {};
