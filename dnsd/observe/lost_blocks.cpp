#include "dnsd/observe/lost_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "dnsd/peers/peer_table.hpp"
#include "wg/device.hpp"

namespace dnsd {
namespace {

constexpr std::size_t told_one_by_one = 20;

}  // namespace

std::vector<std::string> warnings_of(const std::vector<Registry::LostBlock>& lost,
                                     const Registry& registry,
                                     const std::vector<std::string>& files) {
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < std::min(lost.size(), told_one_by_one); ++i) {
    const auto& [block, from, to, source, place] = lost[i];
    warnings.push_back(fmt::format(
        "{file}:{line}: {block} of {from} is also that of {to} at the interface {interface}: "
        "WireGuard gives it to {to} alone, and so does DNS; take it out of the configuration, or "
        "give it to {from} at {interface}",
        fmt::arg("file", files.at(place.file)), fmt::arg("line", place.line),
        fmt::arg("block", block.to_string()), fmt::arg("from", registry.describe(from)),
        fmt::arg("to", registry.describe(to)),
        fmt::arg("interface", registry.source_name(source))));
  }
  if (lost.size() > told_one_by_one)
    warnings.push_back(
        fmt::format("so it is with {} more blocks of addresses", lost.size() - told_one_by_one));
  return warnings;
}

std::vector<std::string> find_lost_blocks(const Config& config,
                                          const InterfaceSources::ReadDevice& read_device) {
  const PeerTable table;
  Registry registry(table);
  std::vector<std::pair<SourceId, wg::Device>> devices;
  std::vector<SourceId> order;
  for (const std::string& name : config.interfaces) {
    auto device = read_device(name);
    if (!device) continue;
    order.push_back(registry.source_id("interface:" + name));
    devices.emplace_back(order.back(), *std::move(device));
  }
  if (devices.empty()) return {};
  registry.begin_configuration({}, order);
  for (const ConfiguredPeer& peer : config.peers) registry.configure(peer);
  registry.end_configuration();
  for (auto& [source, device] : devices) {
    for (wg::DevicePeer& peer : device.peers)
      registry.list(source, peer.public_key, std::move(peer.allowed_ips));
  }
  return warnings_of(registry.settle_blocks(), registry, config.place_files);
}

}  // namespace dnsd
