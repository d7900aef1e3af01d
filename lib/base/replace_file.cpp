#include "base/replace_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/file_descriptor.hpp"
#include "base/last_error.hpp"

namespace base {
namespace {

namespace fs = std::filesystem;

constexpr ::mode_t mode_of(FileUse use) {
  return use == FileUse::state ? 0600 : 0644;
}

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

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

/// Makes a name in this folder last through a power cut.
void sync_folder(const fs::path& folder) {
  const FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file) (void)::fsync(file.get());
}

/// A file beside its place, which is removed unless it takes that place.
class UnfinishedFile {
 public:
  explicit UnfinishedFile(const fs::path& place)
      : place_(place),
        name_(place.string() + ".XXXXXX"),
        file_(::mkostemp(name_.data(), O_CLOEXEC)) {}
  ~UnfinishedFile() {
    if (file_ && !is_renamed_) (void)::unlink(name_.c_str());
  }
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;

  /// \return false: see errno.
  [[nodiscard]] bool write(std::string_view text, FileUse use) const {
    return file_ && ::fchmod(file_.get(), mode_of(use)) == 0 && write_all(file_.get(), text) &&
           (use != FileUse::state || ::fsync(file_.get()) == 0);
  }
  [[nodiscard]] bool replace_place() {
    is_renamed_ = ::rename(name_.c_str(), place_.c_str()) == 0;
    return is_renamed_;
  }
  [[nodiscard]] bool take_free_place() const { return ::link(name_.c_str(), place_.c_str()) == 0; }

 private:
  const fs::path place_;
  std::string name_;
  const FileDescriptor file_;
  bool is_renamed_ = false;
};

}  // namespace

Expected<void, std::error_code> replace_file(const fs::path& path, std::string_view text,
                                             FileUse use) {
  const fs::path folder = folder_of(path);
  if (auto made = make_folder(folder, use); !made) return made;
  UnfinishedFile file(path);
  if (!file.write(text, use) || !file.replace_place()) return Unexpected(last_error());
  if (use == FileUse::state) sync_folder(folder);
  return {};
}

Expected<void, std::error_code> make_file(const fs::path& path, std::string_view text,
                                          FileUse use) {
  const UnfinishedFile file(path);
  // link() and not rename(): a file that appeared meanwhile is never replaced.
  if (!file.write(text, use) || !file.take_free_place()) return Unexpected(last_error());
  if (use == FileUse::state) sync_folder(folder_of(path));
  return {};
}

Expected<void, std::error_code> make_folder(const fs::path& folder, FileUse use) {
  std::error_code ec;
  if (fs::is_directory(folder, ec)) return {};
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), ec);
  // What the line above could not make shows here.
  if (::mkdir(folder.c_str(), use == FileUse::state ? 0700 : 0755) == 0) return {};
  const std::error_code reason = last_error();
  if (reason == std::errc::file_exists && fs::is_directory(folder, ec)) return {};
  return Unexpected(reason);
}

}  // namespace base
