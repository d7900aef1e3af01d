#pragma once

#include <string>
#include <vector>

#include "base/expected.hpp"
#include "dnsd/control/command_context.hpp"
#include "wg/secret_keys.hpp"

/// What belongs in a peer's own file for wg-quick(8), or for the app on a phone. Control thread.
namespace dnsd {

/// A [Peer] section for each built-in point. \param has_preshared_key the peer has one; it is not
/// told. \error one sentence: there is no point, or its address is not known
[[nodiscard]] base::Expected<std::string, std::string> write_hub_sections(
    const CommandContext& context, bool has_preshared_key);

/// The file of a new peer. \param addresses its own, inside the tunnel. \param with_others a [Peer]
/// section for every other configured peer with allowed-ips, too, reached through the first point
/// that passes packets on. \error as write_hub_sections()
[[nodiscard]] base::Expected<std::string, std::string> write_peer_file(
    const CommandContext& context, const wg::PrivateKey& key,
    const std::vector<base::IpAddress>& addresses, bool with_others);

/// What will work with that file: three lines. \param name of the new peer
[[nodiscard]] std::vector<std::string> tell_what_works(const CommandContext& context,
                                                       const std::string& name, bool with_others);

}  // namespace dnsd
