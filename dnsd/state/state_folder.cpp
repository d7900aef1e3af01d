#include "dnsd/state/state_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/file_descriptor.hpp"
#include "base/last_error.hpp"
#include "base/read_file.hpp"
#include "base/replace_file.hpp"

namespace dnsd {
namespace {

namespace fs = std::filesystem;

constexpr ::mode_t of_others = S_IRWXG | S_IRWXO;

bool is_state(const fs::path& entry) {
  const std::string name = entry.filename();
  return name.starts_with("state.db") || name.starts_with("added-peers.conf") ||
         name.find(".key") != std::string::npos;
}

/// A folder that serves something else as well, as /tmp or /etc do, keeps its mode.
bool holds_nothing_but_state(const std::string& folder) {
  std::error_code ec;
  return std::all_of(fs::directory_iterator(folder, ec), fs::directory_iterator(),
                     [](const auto& entry) { return is_state(entry.path()); }) &&
         !ec;
}

/// \return false: nothing there. \error it is no file
base::Expected<bool, std::string> narrow_file(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return base::Unexpected(base::last_error().message());
  }
  if (!S_ISREG(status.st_mode))
    return base::Unexpected(fmt::format("{} is {}, and no file is made in its place", path,
                                        S_ISLNK(status.st_mode)   ? "a link"
                                        : S_ISDIR(status.st_mode) ? "a folder"
                                                                  : "no file"));
  if ((status.st_mode & of_others) == 0) return true;
  const base::FileDescriptor file(
      ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  // Asked again: the name may mean something else by now. Fails where it is not ours.
  if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode))
    (void)::fchmod(file.get(), S_IRUSR | S_IWUSR);
  return true;
}

}  // namespace

base::Expected<std::vector<std::string>, std::string> prepare_state_folder(
    const std::string& folder) {
  if (const auto made = base::make_folder(folder, base::FileUse::state); !made)
    return base::Unexpected(made.error().message());
  const base::FileDescriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!opened || ::fstat(opened.get(), &status) != 0)
    return base::Unexpected(base::last_error().message());
  const bool is_ours = status.st_uid == ::geteuid();
  if ((status.st_mode & of_others) != 0 && is_ours && holds_nothing_but_state(folder) &&
      ::fchmod(opened.get(), S_IRWXU) == 0)
    return std::vector<std::string>();
  if (!is_ours && status.st_uid != 0)
    return std::vector{fmt::format(
        "{}: this folder is another user's, who can replace the state in it: it should be owned "
        "by the user of this program",
        folder)};
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return std::vector{fmt::format(
        "{}: others can write to this folder and replace the state in it (its mode is {:04o}): "
        "the state should have a folder of its own, with mode 0700",
        folder, status.st_mode & 07777U)};
  return std::vector<std::string>();
}

base::Expected<StateFile, std::string> prepare_state_file(const std::string& path) {
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    if (const auto found = narrow_file(path + suffix); !found)
      return base::Unexpected(found.error());
  }
  const auto found = narrow_file(path);
  if (!found) return base::Unexpected(found.error());
  if (!*found) {
    if (auto made = make_empty_file(path); !made) return base::Unexpected(made.error());
    return StateFile::made;
  }
  std::error_code ec;
  return fs::file_size(path, ec) == 0 && !ec ? StateFile::empty : StateFile::in_use;
}

base::Expected<void, std::string> make_empty_file(const std::string& path) {
  (void)::unlink(path.c_str());
  const base::FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file || ::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0)
    return base::Unexpected(base::last_error().message());
  return {};
}

std::optional<std::string> find_missing_right(const std::string& folder, const std::string& path) {
  const auto lacks = [](const std::string& what, int right) {
    return ::faccessat(AT_FDCWD, what.c_str(), right, AT_EACCESS) != 0 &&
           (errno == EACCES || errno == EROFS);
  };
  const auto tell = [&](const std::string& what) {
    if (errno == EROFS)
      return fmt::format("{} is on a file system that is mounted read-only", what);
    return fmt::format(
        "Permission denied: the user {0} must be allowed to read and write {1} (chown -R {0} {2})",
        base::user_name(), what, folder);
  };
  if (lacks(folder, R_OK | W_OK | X_OK)) return tell(folder);
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    if (lacks(path + suffix, R_OK | W_OK)) return tell(path + suffix);
  }
  return std::nullopt;
}

}  // namespace dnsd
