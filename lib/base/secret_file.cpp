#include "base/secret_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/last_error.hpp"
#include "base/read_file.hpp"

namespace base {

Expected<std::string_view, std::error_code> read_secret_file(const std::string& path,
                                                             WipedBuffer<char>& buffer) {
  const auto file = open_file(path);
  if (!file) return Unexpected(file.error());
  const std::span<char> room = buffer.span();
  const ssize_t size = ::read(file->get(), room.data(), room.size());
  if (size < 0) return Unexpected(last_error());
  return std::string_view(room.data(), static_cast<std::size_t>(size));
}

bool is_world_accessible(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         (status.st_mode & S_IRWXO) != 0;
}

}  // namespace base
