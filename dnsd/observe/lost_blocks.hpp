#pragma once

#include <string>
#include <vector>

#include "dnsd/observe/interface_sources.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/settings/config.hpp"

/// A block of addresses that a file gives to one peer and an observed interface to another, as
/// people are told of it. WireGuard sends such a block to the interface's peer alone.
namespace dnsd {

/// One line each, with file and line. A file of another network loses all that it has: beyond 20
/// they are only counted. \param files Config::place_files of the configuration that is in force
[[nodiscard]] std::vector<std::string> warnings_of(const std::vector<Registry::LostBlock>& lost,
                                                   const Registry& registry,
                                                   const std::vector<std::string>& files);

/// The same for a configuration that is only looked at. Reads each of its interfaces once, and
/// waits for that; one that cannot be read now says nothing. Any thread.
[[nodiscard]] std::vector<std::string> find_lost_blocks(
    const Config& config, const InterfaceSources::ReadDevice& read_device);

}  // namespace dnsd
