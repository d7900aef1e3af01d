#include "dnsd/control/added_peers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "base/read_file.hpp"
#include "base/replace_file.hpp"
#include "dnsd/settings/peer_reader.hpp"

namespace dnsd {
namespace {

constexpr std::string_view head =
    "# Peers that `wg-dnsd peer add` registered; `wg-dnsd peer remove` removes them.\n";

/// A text that may hold preshared keys.
struct WipedText {
  std::string text;
  WipedText() = default;
  WipedText(const WipedText&) = delete;
  WipedText& operator=(const WipedText&) = delete;
  ~WipedText() { OPENSSL_cleanse(text.data(), text.size()); }
};

std::string describe(const std::string& path, const std::error_code& error) {
  return fmt::format("{}: {}", path, error.message());
}

/// \error it is there and cannot be read, or has a mistake: writing it again would lose a peer
base::Expected<std::vector<wg::ConfigPeer>, std::string> read(const std::string& path) {
  auto text = base::read_file(path);
  if (!text) {
    if (text.error() == std::errc::no_such_file_or_directory) return std::vector<wg::ConfigPeer>();
    return base::Unexpected(describe(path, text.error()));
  }
  wg::ConfigFile file = parse_peers_file(*std::move(text));
  if (file.errors.empty()) return std::move(file.peers);
  return base::Unexpected(
      fmt::format("{}:{}: {}", path, file.errors.front().line, file.errors.front().message));
}

void write_section(std::string& out, const wg::ConfigPeer& peer) {
  out += "\n[Peer]\n";
  if (!peer.name.empty()) out += fmt::format("# Name = {}\n", peer.name);
  out += fmt::format("PublicKey = {}\n", peer.public_key.to_base64());
  if (peer.preshared_key) {
    base::Octets32 octets{};
    std::copy(peer.preshared_key->bytes().begin(), peer.preshared_key->bytes().end(),
              octets.begin());
    out += fmt::format("PresharedKey = {}\n", base::to_base64(octets));
    OPENSSL_cleanse(octets.data(), octets.size());
  }
  for (const base::Prefix& prefix : peer.allowed_ips)
    out += fmt::format("AllowedIPs = {}\n", prefix.to_string());
}

base::Expected<void, std::string> write(const std::string& path,
                                        const std::vector<wg::ConfigPeer>& peers) {
  WipedText whole;
  whole.text.reserve(head.size() + 512 * (peers.size() + 1));  // no copy is left behind by growing
  whole.text = head;
  for (const wg::ConfigPeer& peer : peers) write_section(whole.text, peer);
  const auto written = base::replace_file(path, whole.text, base::FileUse::state);
  if (!written) return base::Unexpected(describe(path, written.error()));
  return {};
}

}  // namespace

base::Expected<void, std::string> append_peer(const std::string& path, const ConfiguredPeer& peer) {
  auto peers = read(path);
  if (!peers) return base::Unexpected(peers.error());
  wg::ConfigPeer added;
  added.public_key = peer.public_key;
  added.name = peer.name;
  added.allowed_ips = peer.allowed_ips;
  added.preshared_key = peer.preshared_key;
  peers->push_back(std::move(added));
  return write(path, *peers);
}

base::Expected<bool, std::string> erase_peer(const std::string& path, const wg::PublicKey& key) {
  auto peers = read(path);
  if (!peers) return base::Unexpected(peers.error());
  if (std::erase_if(*peers, [&](const auto& peer) { return peer.public_key == key; }) == 0)
    return false;
  if (auto written = write(path, *peers); !written) return base::Unexpected(written.error());
  return true;
}

base::Expected<bool, std::string> rename_peer(const std::string& path, const wg::PublicKey& key,
                                              const std::string& name) {
  auto peers = read(path);
  if (!peers) return base::Unexpected(peers.error());
  const auto found = std::find_if(peers->begin(), peers->end(),
                                  [&](const auto& peer) { return peer.public_key == key; });
  if (found == peers->end()) return false;
  found->name = name;
  if (auto written = write(path, *peers); !written) return base::Unexpected(written.error());
  return true;
}

}  // namespace dnsd
