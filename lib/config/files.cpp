#include "config/files.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/read_file.hpp"
#include "config/error.hpp"

namespace config {
namespace {

/// Three times the size of a million peers with names, addresses and comments.
constexpr std::uintmax_t max_file_octets = std::uintmax_t{1} << 30U;

}  // namespace

std::string read_whole_file(const std::string& path) {
  std::error_code ec;
  // A device or a pipe may never end; only a file says how long it is.
  const bool regular = std::filesystem::is_regular_file(path, ec);
  if (ec) fail(path, fmt::format("cannot be read: {}", ec.message()));
  if (!regular) fail(path, "is not a regular file");
  const auto size = std::filesystem::file_size(path, ec);
  if (ec) fail(path, fmt::format("cannot be read: {}", ec.message()));
  if (size > max_file_octets)
    fail(path, fmt::format("is longer than {} MiB", max_file_octets >> 20U));
  auto text = base::read_file(path);
  if (!text) fail(path, fmt::format("cannot be read: {}", text.error().message()));
  return *std::move(text);
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
