#pragma once

#include "control/reply.hpp"
#include "dnsd/control/command_context.hpp"
#include "dnsd/control/control_request.hpp"

/// `wg-dnsd pubkey` and `wg-dnsd peer …`: what the running daemon does for them. Control thread.
namespace dnsd {

/// \param request one of pubkey, peer_config, peer_add, peer_remove, peer_rename, peer_new,
/// peer_list, peer_reset. \return exit 0, 1 (refused) or 2 (wrong words). peer_add, peer_remove,
/// peer_rename and peer_new write added_peers_file() or the state, and reload: they block for as
/// long as that takes.
[[nodiscard]] control::Reply run_peer_command(const ControlRequest& request,
                                              const CommandContext& context);

}  // namespace dnsd
