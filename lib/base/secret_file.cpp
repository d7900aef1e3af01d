#include "base/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file_descriptor.hpp"
#include "base/last_error.hpp"

namespace base {
namespace {

constexpr ::mode_t owner_only = 0600;

bool write_and_sync(int file, std::string_view text) {
  // The mode again: another program may have left the file behind.
  return ::fchmod(file, owner_only) == 0 &&
         ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         ::fsync(file) == 0;
}

}  // namespace

Expected<std::string_view, std::error_code> read_secret_file(const std::string& path,
                                                             WipedBuffer<char>& buffer) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return Unexpected(last_error());
  const std::span<char> room = buffer.span();
  const ssize_t size = ::read(file.get(), room.data(), room.size());
  if (size < 0) return Unexpected(last_error());
  return std::string_view(room.data(), static_cast<std::size_t>(size));
}

Expected<void, std::error_code> make_secret_file(const std::string& path, std::string_view text) {
  const std::string unfinished = path + ".new";
  const auto fail = [&] {
    const std::error_code reason = last_error();
    (void)::unlink(unfinished.c_str());
    return Unexpected(reason);
  };
  const FileDescriptor file(::open(
      unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, owner_only));
  if (!file || !write_and_sync(file.get(), text)) return fail();
  // link() and not rename(): a secret that appeared meanwhile is never replaced.
  if (::link(unfinished.c_str(), path.c_str()) != 0) return fail();
  (void)::unlink(unfinished.c_str());
  return {};
}

}  // namespace base
