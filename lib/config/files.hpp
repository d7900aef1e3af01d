#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace config {

/// Whole contents of a file. \throws Error naming the file.
using ReadFile = std::function<std::string(const std::string& path)>;

/// ReadFile from the disk: base::read_file(). Only regular files of at most 1 GiB. \throws Error
[[nodiscard]] std::string read_whole_file(const std::string& path);

/// `path`, made absolute: relative ones start from `folder`.
[[nodiscard]] std::string absolute_path(const std::string& folder, const std::string& path);
/// The folder that relative paths in this file start from. Asks for the current folder if `path` is
/// relative.
[[nodiscard]] std::string folder_of(const std::string& path);

/// What a program keeps over a restart, and its sockets.
enum class FolderUse : std::uint8_t { state, runtime };

/// Where a program keeps its own: the first folder of the list that systemd hands over
/// (systemd.exec(5), StateDirectory= and RuntimeDirectory=); else /var/lib/PROGRAM or /run/PROGRAM;
/// where this user may not write there, the user's own of the XDG base directories:
/// $XDG_STATE_HOME or ~/.local/state, and $XDG_RUNTIME_DIR, or the state folder where there is
/// none.
[[nodiscard]] std::string own_folder(FolderUse use, std::string_view program);

/// Where somebody who asks a program finds its socket: in own_folder(), or in /run/PROGRAM, if it
/// is there.
[[nodiscard]] std::string find_socket(std::string_view program, std::string_view name);

}  // namespace config
