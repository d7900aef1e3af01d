#pragma once

#include <cstdio>
#include <memory>

#include "dnsd/settings/command_line.hpp"

namespace dnsd {

/// Runs the server until SIGTERM or SIGINT. SIGHUP reads everything again: a mistake there changes
/// nothing; a point that cannot be opened is left out, and all else is in force. A mistake in a
/// file of peers costs the line, the peer or the file; a reload that would lose a peer by it
/// changes nothing. \return the exit code: 0 after a clean stop. \throws ConfigError when the
/// configuration or the zone file is wrong; std::runtime_error when this host does not let us serve
/// (a port is in use, another wg-dnsd runs). `what()` is one line.
[[nodiscard]] int run_daemon(const CommandLine& line);

/// Reads and checks everything as run_daemon() would, and prints the effective configuration as
/// YAML; to standard error, a line for each mistake in the files of peers and for all that is
/// skipped there. \return false: there is a mistake. \throws ConfigError
[[nodiscard]] bool check_config(const CommandLine& line, std::FILE* out);

/// Prints the records that the parent zone must hold; what keeps others from using them goes to
/// standard error. \throws ConfigError
void print_delegation(const CommandLine& line, std::FILE* out);

}  // namespace dnsd
