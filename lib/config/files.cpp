#include "config/files.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/read_file.hpp"
#include "config/error.hpp"

namespace config {

std::string read_whole_file(const std::string& path) {
  auto text = base::read_file(path);
  if (text) return *std::move(text);
  const std::error_code& error = text.error();
  if (error == base::FileError::not_a_file || error == std::errc::is_a_directory)
    fail(path, "is not a regular file");
  if (error == std::errc::file_too_large)
    fail(path, fmt::format("is longer than {} MiB", base::max_file_octets >> 20U));
  fail(path, fmt::format("cannot be read: {}", error.message()));
}

std::string absolute_path(const std::string& folder, const std::string& path) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

std::string folder_of(const std::string& path) {
  return std::filesystem::absolute(path).parent_path().string();
}

std::string folder_from_environment(const char* variable, std::string_view otherwise) {
  const char* value = std::getenv(variable);
  const std::string_view list = value == nullptr ? std::string_view() : value;
  const std::string_view first = list.substr(0, list.find(':'));
  return std::string(first.empty() ? otherwise : first);
}

}  // namespace config
