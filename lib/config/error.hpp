#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace config {

/// One wrong word on the command line or in a file; `what()` is the whole line for standard error,
/// with file:line where there is one, what is wrong and what would be right. Thrown at start (exit
/// 2) and at a reload (the old state stays).
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// \param place `FILE:LINE: WORD` or `--WORD`. \throws Error
[[noreturn]] inline void fail(const std::string& place, const std::string& message) {
  throw Error(fmt::format("{}: {}", place, message));
}

}  // namespace config
