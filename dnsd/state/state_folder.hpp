#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/expected.hpp"

/// The folder of the state on disk: whose it is, and who may read it. Endpoints are personal data,
/// keys are secrets, and whoever writes here decides which serial is served.
namespace dnsd {

/// Makes the folder (0700). One that is there and holds nothing but state is made as narrow, where
/// it is ours. \return what stays as it is and ought not to, one sentence each: others can write
/// there. \error of the system, in words
[[nodiscard]] base::Expected<std::vector<std::string>, std::string> prepare_state_folder(
    const std::string& folder);

enum class StateFile : unsigned char { made, empty, in_use };

/// Makes the file, empty, for its owner alone (0600), whatever the umask is; SQLite gives those
/// that it makes beside it the same mode. One that is there and ours is made as narrow. \return
/// what was found \error one clause: something else has the place of this file, or of one that
/// belongs to it: nothing follows a link, or waits for a FIFO
[[nodiscard]] base::Expected<StateFile, std::string> prepare_state_file(const std::string& path);

/// An empty file in a new place, for its owner alone: what stood there is removed. \error of the
/// system, in words
[[nodiscard]] base::Expected<void, std::string> make_empty_file(const std::string& path);

/// Which right the user of this program lacks on the state, and what would help; nullopt: none is
/// seen to be missing. SQLite says of it `disk I/O error`, or that the database is read-only.
[[nodiscard]] std::optional<std::string> find_missing_right(const std::string& folder,
                                                            const std::string& path);

}  // namespace dnsd
