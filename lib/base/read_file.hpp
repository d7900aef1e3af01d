#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
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

/// Why a file could not be read, for people, behind its name: `cannot be read: No such file or
/// directory`. \param error of open_file() or read_file()
[[nodiscard]] std::string explain_read_error(const std::error_code& error);

/// What an editor made of a text that programs read octet by octet, and what would be right; empty:
/// nothing. Tells a byte order mark of UTF-8 and of UTF-16.
[[nodiscard]] std::string_view find_encoding_fault(std::string_view text);

/// Who this program is for the files of the system: the name of its effective user, or the number.
[[nodiscard]] std::string user_name();

}  // namespace base

template <>
struct std::is_error_code_enum<base::FileError> : std::true_type {};
