#include "base/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file_descriptor.hpp"
#include "base/last_error.hpp"

namespace base {
namespace {

constexpr std::size_t first_octets = 4096;  // where the file does not tell its length

/// What std::string frees when it grows is not wiped.
void grow(std::string& text) {
  std::string larger(2 * text.size(), '\0');
  std::copy(text.begin(), text.end(), larger.begin());
  ::explicit_bzero(text.data(), text.size());
  text.swap(larger);
}

}  // namespace

Expected<std::string, std::error_code> read_file(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Unexpected(last_error());
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return Unexpected(last_error());
  // One octet more than the file has: the read that finds the end needs room, too.
  std::string text(status.st_size > 0 ? static_cast<std::size_t>(status.st_size) + 1 : first_octets,
                   '\0');
  std::size_t size = 0;
  while (true) {
    if (size == text.size()) grow(text);
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const std::error_code error = last_error();
      ::explicit_bzero(text.data(), text.size());
      return Unexpected(error);
    }
    size += static_cast<std::size_t>(count);
  }
  text.resize(size);
  return text;
}

}  // namespace base
