#pragma once

#include <cstddef>

/// The descriptors of this process, and how many of them TCP clients may hold.
namespace dnsd {

/// What TCP clients leave free: a reload, the state, the sources and the commands open files and
/// sockets, too.
inline constexpr std::size_t reserved_descriptors = 32;

/// Allows as many open descriptors as TCP clients can need, if the system lets us. \return how many
/// may be open.
std::size_t raise_descriptor_limit();

/// \param limit how many may be open.
[[nodiscard]] std::size_t count_open_descriptors(std::size_t limit);

/// How many connections each of `threads` may hold, at least 1. \param others descriptors that are
/// open, and are no connections. Pure.
[[nodiscard]] std::size_t connections_per_thread(std::size_t limit, std::size_t others,
                                                 std::size_t threads);

}  // namespace dnsd
