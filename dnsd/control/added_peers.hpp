#pragma once

#include <optional>
#include <string>

#include "base/expected.hpp"
#include "dnsd/settings/config.hpp"

/// Peers that `wg-dnsd peer add` registered at run time. They are kept in a file of peers in the
/// state folder, in WireGuard's own format, which is read like any other file of peers. Each change
/// rewrites the whole file: comments other than names, and an Endpoint that was written by hand,
/// are lost.
namespace dnsd {

/// Appends a peer to the file, mode 0600: it may hold preshared keys. Whole or not at all.
/// \param peer its endpoint is not written. \error one sentence that names the file
[[nodiscard]] base::Expected<void, std::string> append_peer(const std::string& path,
                                                            const ConfiguredPeer& peer);

/// Takes a peer out of the file. \return false: it is not there. \error one sentence
[[nodiscard]] base::Expected<bool, std::string> erase_peer(const std::string& path,
                                                           const wg::PublicKey& key);

/// Gives a peer of the file another name. \return false: it is not there. \error one sentence
[[nodiscard]] base::Expected<bool, std::string> rename_peer(const std::string& path,
                                                            const wg::PublicKey& key,
                                                            const std::string& name);

}  // namespace dnsd
