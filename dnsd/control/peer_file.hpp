#pragma once

#include <string>
#include <vector>

#include "base/expected.hpp"
#include "base/ip_address.hpp"
#include "dnsd/control/command_context.hpp"
#include "wg/secret_keys.hpp"

/// What belongs in a peer's own file for wg-quick(8), or for the app on a phone. Control thread.
namespace dnsd {

/// The address of a new peer inside the tunnel, and the length of the range that it is from.
struct TunnelAddress {
  base::IpAddress address;
  unsigned range_length;
};

/// A [Peer] section for each built-in point. \param has_preshared_key the peer has one; it is not
/// told. \error one sentence: there is no point, or its address is not known
[[nodiscard]] base::Expected<std::string, std::string> write_hub_sections(
    const CommandContext& context, bool has_preshared_key);

/// The file of a new peer. \param addresses its own, with the lengths of their ranges in the file:
/// so all of a range is routed to the interface, also for the peers that `mesh` adds later.
/// \param with_others a [Peer] section for every other configured peer with allowed-ips, too,
/// reached through the first point that passes packets on. \error as write_hub_sections()
[[nodiscard]] base::Expected<std::string, std::string> write_peer_file(
    const CommandContext& context, const wg::PrivateKey& key,
    const std::vector<TunnelAddress>& addresses, bool with_others);

/// What will work with that file: three lines. \param name of the new peer
[[nodiscard]] std::vector<std::string> tell_what_works(const CommandContext& context,
                                                       const std::string& name, bool with_others);

}  // namespace dnsd
