#include "config/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/read_file.hpp"
#include "config/error.hpp"

namespace config {
namespace {

namespace fs = std::filesystem;

std::string_view read_environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? std::string_view() : value;
}

std::string system_folder(FolderUse use, std::string_view program) {
  return fmt::format("{}/{}", use == FolderUse::state ? "/var/lib" : "/run", program);
}

/// Whether this user may not write in the folder, or not make it.
bool is_forbidden(const std::string& folder) {
  std::error_code ec;
  fs::path nearest = folder;
  while (!fs::exists(nearest, ec) && nearest.has_relative_path()) nearest = nearest.parent_path();
  return ::faccessat(AT_FDCWD, nearest.c_str(), W_OK | X_OK, AT_EACCESS) != 0 && errno == EACCES;
}

}  // namespace

std::string read_whole_file(const std::string& path) {
  auto text = base::read_file(path);
  if (text) return *std::move(text);
  fail(path, base::explain_read_error(text.error()));
}

std::string absolute_path(const std::string& folder, const std::string& path) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

std::string folder_of(const std::string& path) {
  return std::filesystem::absolute(path).parent_path().string();
}

std::string own_folder(FolderUse use, std::string_view program) {
  const bool is_state = use == FolderUse::state;
  const std::string_view list =
      read_environment(is_state ? "STATE_DIRECTORY" : "RUNTIME_DIRECTORY");
  const std::string_view handed = list.substr(0, list.find(':'));
  if (!handed.empty()) return std::string(handed);
  const std::string system = system_folder(use, program);
  if (!is_forbidden(system)) return system;
  if (const auto own = read_environment("XDG_RUNTIME_DIR"); !is_state && own.starts_with('/'))
    return fmt::format("{}/{}", own, program);
  if (const auto own = read_environment("XDG_STATE_HOME"); own.starts_with('/'))
    return fmt::format("{}/{}", own, program);
  if (const auto home = read_environment("HOME"); home.starts_with('/'))
    return fmt::format("{}/.local/state/{}", home, program);
  return system;
}

std::string find_socket(std::string_view program, std::string_view name) {
  const fs::path own = fs::path(own_folder(FolderUse::runtime, program)) / name;
  const fs::path system = fs::path(system_folder(FolderUse::runtime, program)) / name;
  std::error_code ec;
  const bool is_own = fs::exists(own, ec) || fs::is_directory(own.parent_path(), ec);
  const bool is_system = fs::exists(system, ec) || fs::is_directory(system.parent_path(), ec);
  if (fs::exists(own, ec) || !is_system) return own;
  return fs::exists(system, ec) || !is_own ? system : own;
}

}  // namespace config
