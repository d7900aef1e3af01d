#pragma once

#include <cstdio>
#include <optional>
#include <string>

namespace dnsd {

/// `wg-dnsd doctor`: asks the daemon what it believes and the world what it sees, and prints what
/// does not agree. Blocks, with time-outs. \param socket the daemon's control socket. \param zone
/// the zone to judge from outside, without a daemon; none: that of the daemon. \return the exit
/// code, 0 to 2.
[[nodiscard]] int run_doctor(const std::string& socket, const std::optional<std::string>& zone,
                             bool json, std::FILE* out);

}  // namespace dnsd
