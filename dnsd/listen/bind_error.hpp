#pragma once

#include <optional>
#include <string>

#include "dnsd/host/port_holder.hpp"
#include "dnsd/listen/listen_socket.hpp"

/// What the operator is told when an address cannot be listened on.
namespace dnsd {

/// What is wrong and what would help, in one line. \param holder the program that holds the
/// address, for EADDRINUSE.
[[nodiscard]] std::string explain_bind_error(const BindAddress& address, const BindError& error,
                                             const std::optional<PortHolder>& holder);

/// `192.0.2.1:53`, with `%wg0` behind it when it is tied to that interface.
[[nodiscard]] std::string describe(const BindAddress& address);

}  // namespace dnsd
