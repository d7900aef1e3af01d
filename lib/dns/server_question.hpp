#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "dns/reply.hpp"
#include "dns/transport.hpp"

/// Asking one authoritative server, past every resolver: for diagnosis.
namespace dns {

/// Why there is no reply.
enum class ServerError : std::uint8_t {
  timeout,      ///< nothing came back
  closed,       ///< the host answers that nothing listens on that port
  unreachable,  ///< this host has no route to it
  malformed,    ///< what came back is no reply to the question
};
/// One clause: "no answer within 2 s".
[[nodiscard]] std::string_view to_string(ServerError error);

/// How long a server gets, for each of two attempts over UDP and for all of TCP.
inline constexpr std::chrono::milliseconds server_patience{2000};

/// Asks without RD, with EDNS. Blocks. A reply that was truncated over UDP is asked for again over
/// TCP.
[[nodiscard]] base::Expected<Reply, ServerError> ask_server(
    const base::Endpoint& server, Transport transport, const Name& name, RrType type,
    std::chrono::milliseconds patience = server_patience);

}  // namespace dns
