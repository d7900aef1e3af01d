#include "base/read_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/last_error.hpp"

namespace base {
namespace {

constexpr std::size_t first_octets = 4096;  // where the file does not tell its length

class FileErrorCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "file"; }
  [[nodiscard]] std::string message(int /*only one*/) const override {
    return "Not a regular file";
  }
};

/// What std::string frees when it grows is not wiped.
void grow(std::string& text) {
  std::string larger(2 * text.size(), '\0');
  std::copy(text.begin(), text.end(), larger.begin());
  ::explicit_bzero(text.data(), text.size());
  text.swap(larger);
}

/// What the file tells; 0 where it does not.
std::size_t length_of(const FileDescriptor& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || status.st_size < 0) return 0;
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

std::error_code make_error_code(FileError error) {
  static const FileErrorCategory category;
  return {static_cast<int>(error), category};
}

Expected<FileDescriptor, std::error_code> open_file(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    // A socket, or a device that is not there.
    return Unexpected(errno == ENXIO ? make_error_code(FileError::not_a_file) : last_error());
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return Unexpected(last_error());
  if (S_ISDIR(status.st_mode)) return Unexpected(std::make_error_code(std::errc::is_a_directory));
  if (!S_ISREG(status.st_mode)) return Unexpected(make_error_code(FileError::not_a_file));
  return file;
}

Expected<std::string, std::error_code> read_file(const std::filesystem::path& path,
                                                 std::size_t max) {
  const auto file = open_file(path);
  if (!file) return Unexpected(file.error());
  const std::size_t length = length_of(*file);
  if (length > max) return Unexpected(std::make_error_code(std::errc::file_too_large));
  // One octet more than the file has: the read that finds the end needs room, too.
  std::string text(length > 0 ? length + 1 : first_octets, '\0');
  const auto fail = [&](const std::error_code& error) {
    ::explicit_bzero(text.data(), text.size());
    return Unexpected(error);
  };
  std::size_t size = 0;
  while (true) {
    if (size == text.size()) grow(text);
    const ssize_t count = ::read(file->get(), text.data() + size, text.size() - size);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(last_error());
    size += static_cast<std::size_t>(count);
    if (size > max) return fail(std::make_error_code(std::errc::file_too_large));
  }
  text.resize(size);
  return text;
}

std::string explain_read_error(const std::error_code& error) {
  if (error == FileError::not_a_file) return "is not a regular file";
  if (error == std::errc::is_a_directory) return "is a folder, and a file is expected";
  if (error == std::errc::file_too_large)
    return fmt::format("is longer than {} MiB", max_file_octets >> 20U);
  const std::string why = fmt::format("cannot be read: {}", error.message());
  if (error != std::errc::permission_denied) return why;
  return fmt::format(
      "{}: this program runs as the user {}, who must be allowed to read it and to enter its "
      "folders (setfacl -m u:{}:r FILE, u:{}:x FOLDER), or be given a copy (systemd: "
      "LoadCredential=)",
      why, user_name(), user_name(), user_name());
}

std::string_view find_encoding_fault(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) return "begins with a byte order mark; save it without one";
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    return "is UTF-16; save it as UTF-8";
  return {};
}

std::string user_name() {
  const ::uid_t user = ::geteuid();
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return std::to_string(user);
}

}  // namespace base
