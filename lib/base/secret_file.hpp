#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "base/expected.hpp"
#include "base/secret.hpp"

/// Small files with one secret. Errors are the system's and never show what a file holds. They are
/// made by make_file() of replace_file.hpp.
namespace base {

/// Reads the beginning of a file. Does not wait, as open_file().
/// \param buffer at least one octet longer than the secret, so that a longer file is noticed
/// \return what was read, a view into `buffer`
[[nodiscard]] Expected<std::string_view, std::error_code> read_secret_file(
    const std::string& path, WipedBuffer<char>& buffer);

/// Whether everybody on the host may read or write the file: what `wg genkey` warns of. Its group
/// may, and the folder is not looked at. False where there is no such file.
[[nodiscard]] bool is_world_accessible(const std::string& path);

}  // namespace base
