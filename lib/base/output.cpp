#include "base/output.hpp"

#include <cerrno>
#include <csignal>

namespace base {

bool print_output(std::FILE* out, std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0)
    return true;
  if (errno == EPIPE) {
    (void)std::signal(SIGPIPE, SIG_DFL);
    (void)std::raise(SIGPIPE);
  }
  return false;
}

}  // namespace base
