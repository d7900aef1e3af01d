#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "base/expected.hpp"
#include "base/secret.hpp"

/// Small files with one secret. Errors are the system's and never show what a file holds.
namespace base {

/// Reads the beginning of a file. Does not wait for a writer where the path is a pipe.
/// \param buffer at least one octet longer than the secret, so that a longer file is noticed
/// \return what was read, a view into `buffer`
[[nodiscard]] Expected<std::string_view, std::error_code> read_secret_file(
    const std::string& path, WipedBuffer<char>& buffer);

/// Makes a file that its owner alone may read (0600), by way of `PATH.new`: whole or not at all,
/// also after a crash. A file that is there already is never replaced: that is the error
/// file_exists. \param text the whole content; the caller wipes it
[[nodiscard]] Expected<void, std::error_code> make_secret_file(const std::string& path,
                                                               std::string_view text);

}  // namespace base
