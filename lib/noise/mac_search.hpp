#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "noise/message.hpp"
#include "wg/public_key.hpp"

namespace noise {

/// What Mac() has computed of a key before it sees a message (keyed_blake2s.hpp): 32 octets per
/// key that may be the receiver of one.
using MacState = std::array<std::uint32_t, 8>;

/// Of mac1 for this receiver (paper §5.4.4).
[[nodiscard]] MacState mac1_state(const wg::PublicKey& receiver);

/// Which of these receivers a message is for: whose mac1 it has. Tries four side by side, with the
/// vector instructions that every processor of its kind has: 0.13 µs per key of an initiation,
/// where KeyedBlake2s takes 0.2 µs. Any thread may call.
/// \return the place in `receivers`; nullopt: none of them
[[nodiscard]] std::optional<std::size_t> find_receiver(std::span<const MacState* const> receivers,
                                                       const Macs& macs);

}  // namespace noise
