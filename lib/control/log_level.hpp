#pragma once

#include <string>

#include "control/reply.hpp"

namespace control {

/// The answer of every daemon to `log-level [LEVEL]`: changes which lines its log has, until it
/// ends, and tells the level. \param level empty: only tells. \return exit 2: there is no such
/// level.
[[nodiscard]] Reply change_log_level(const std::string& level);

}  // namespace control
