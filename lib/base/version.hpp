#pragma once

#include <string_view>

namespace base {

/// The version of both programs, as the build found it: `0.1.0` at the tag v0.1.0,
/// `0.1.0+14.gabc1234` 14 commits later, with `.dirty` behind it where tracked files were changed,
/// `0.1.0+unknown` where nothing tells. Lives for ever. Source: cmake/version.cmake.
extern const std::string_view version;

}  // namespace base
