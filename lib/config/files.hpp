#pragma once

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

/// First folder of a list that systemd hands over (systemd.exec(5), RuntimeDirectory=), else the
/// default.
[[nodiscard]] std::string folder_from_environment(const char* variable, std::string_view otherwise);

}  // namespace config
