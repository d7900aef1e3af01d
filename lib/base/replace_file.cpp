#include "base/replace_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace base {
namespace {

constexpr ::mode_t state_mode = 0600;
constexpr ::mode_t published_mode = 0644;

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Makes a rename in this folder last through a power cut.
void sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

std::string replace_file(const std::filesystem::path& path, std::string_view text, FileUse use) {
  const bool is_state = use == FileUse::state;
  std::error_code ec;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::filesystem::create_directories(folder, ec);
  const std::string temporary = path.string() + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, state_mode);
  if (fd < 0) return std::strerror(errno);
  std::string error;
  if (!write_all(fd, text) || (is_state ? ::fsync(fd) : ::fchmod(fd, published_mode)) != 0)
    error = std::strerror(errno);
  if (::close(fd) != 0 && error.empty()) error = std::strerror(errno);
  if (!error.empty()) return error;
  std::filesystem::rename(temporary, path, ec);
  if (ec) return ec.message();
  if (is_state) sync_folder(folder);
  return {};
}

}  // namespace base
