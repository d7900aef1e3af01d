#include "base/replace_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file_descriptor.hpp"
#include "base/last_error.hpp"

namespace base {
namespace {

constexpr ::mode_t state_mode = 0600;
constexpr ::mode_t published_mode = 0644;

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
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
  const FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file) (void)::fsync(file.get());
}

}  // namespace

Expected<void, std::error_code> replace_file(const std::filesystem::path& path,
                                             std::string_view text, FileUse use) {
  const bool is_state = use == FileUse::state;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code ignored;  // what matters is whether the file can be made
  std::filesystem::create_directories(folder, ignored);
  const std::string fresh = path.string() + ".new";
  const FileDescriptor file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, state_mode));
  if (!file) return Unexpected(last_error());
  // The mode again: another program may have left the file behind.
  const bool replaced = ::fchmod(file.get(), is_state ? state_mode : published_mode) == 0 &&
                        write_all(file.get(), text) && (!is_state || ::fsync(file.get()) == 0) &&
                        ::rename(fresh.c_str(), path.c_str()) == 0;
  if (!replaced) {
    const std::error_code reason = last_error();
    (void)::unlink(fresh.c_str());
    return Unexpected(reason);
  }
  if (is_state) sync_folder(folder);
  return {};
}

}  // namespace base
