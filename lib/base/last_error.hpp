#pragma once

#include <cerrno>
#include <system_error>

namespace base {

/// What the system call that just failed left in errno.
[[nodiscard]] inline std::error_code last_error() {
  return {errno, std::generic_category()};
}

}  // namespace base
