// Runs lib/wg from the command line, so that scripts can compare it with `wg`:
//   wg_device_tool list
//   wg_device_tool dump NAME (as `wg show NAME dump`, without secrets)
//   wg_device_tool set NAME KEY [endpoint=A:P] [keepalive=N]... [/ KEY ...]...
//   wg_device_tool add NAME KEY PREFIX... [/ KEY PREFIX...]...
//   wg_device_tool remove NAME KEY...
// A second `keepalive=` of a KEY begins a second update of the same peer: 0, then 25, is a kick.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wg/device.hpp"

namespace {

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "{}\n", message);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

void print_peer(const wg::DevicePeer& peer) {
  std::string allowed;
  for (const base::Prefix& prefix : peer.allowed_ips)
    allowed += (allowed.empty() ? "" : ",") + prefix.to_string();
  const auto keepalive = peer.persistent_keepalive.count();
  const auto handshake = peer.latest_handshake
                             ? std::chrono::floor<std::chrono::seconds>(*peer.latest_handshake)
                                   .time_since_epoch()
                                   .count()
                             : 0;
  fmt::print("{}\t(hidden)\t{}\t{}\t{}\t{}\t{}\t{}\n", peer.public_key.to_base64(),
             peer.endpoint ? peer.endpoint->to_string() : "(none)",
             allowed.empty() ? "(none)" : allowed, handshake, peer.rx_bytes, peer.tx_bytes,
             keepalive == 0 ? "off" : std::to_string(keepalive));
}

void dump(const std::string& name) {
  const auto device = wg::read_device(name);
  if (!device) fail(device.error().message);
  fmt::print("(hidden)\t{}\t{}\t{}\n",
             device->public_key ? device->public_key->to_base64() : "(none)",
             base::to_number(device->listen_port),
             device->firewall_mark == 0 ? "off" : fmt::format("{:#x}", device->firewall_mark));
  for (const wg::DevicePeer& peer : device->peers) print_peer(peer);
}

std::vector<wg::PeerUpdate> parse_updates(std::span<const std::string> words) {
  std::vector<wg::PeerUpdate> updates;
  bool is_key = true;
  for (const std::string& word : words) {
    if (is_key) {
      const auto key = wg::PublicKey::parse(word);
      if (!key) fail(word + " is not a key");
      updates.push_back({*key, {}, {}});
      is_key = false;
    } else if (word == "/") {
      is_key = true;
    } else if (word.starts_with("endpoint=")) {
      updates.back().endpoint = base::Endpoint::parse(word.substr(9));
      if (!updates.back().endpoint) fail(word + " is not an endpoint");
    } else if (word.starts_with("keepalive=")) {
      if (updates.back().persistent_keepalive)
        updates.push_back({updates.back().public_key, {}, {}});
      updates.back().persistent_keepalive = std::chrono::seconds(std::stoi(word.substr(10)));
    } else {
      fail(word + " is neither endpoint= nor keepalive=");
    }
  }
  return updates;
}

wg::PublicKey parse_key(const std::string& word) {
  const auto key = wg::PublicKey::parse(word);
  if (!key) fail(word + " is not a key");
  return *key;
}

wg::Membership parse_added(std::span<const std::string> words) {
  wg::Membership change;
  bool is_key = true;
  for (const std::string& word : words) {
    if (is_key) {
      change.added.push_back({parse_key(word), {}});
      is_key = false;
    } else if (word == "/") {
      is_key = true;
    } else {
      const auto prefix = base::Prefix::parse(word);
      if (!prefix) fail(word + " is not a prefix");
      change.added.back().allowed_ips.push_back(*prefix);
    }
  }
  return change;
}

void change(const std::string& name, const wg::Membership& membership) {
  const auto done = wg::change_membership(name, membership);
  if (!done) fail(done.error().message);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "list") {
    for (const std::string& name : wg::list_devices()) fmt::print("{}\n", name);
  } else if (words.size() == 2 && words[0] == "dump") {
    dump(words[1]);
  } else if (words.size() >= 3 && words[0] == "set") {
    const auto done = wg::set_peers(words[1], parse_updates(std::span(words).subspan(2)));
    if (!done) fail(done.error().message);
  } else if (words.size() >= 4 && words[0] == "add") {
    change(words[1], parse_added(std::span(words).subspan(2)));
  } else if (words.size() >= 3 && words[0] == "remove") {
    wg::Membership membership;
    for (const std::string& word : std::span(words).subspan(2))
      membership.removed.push_back(parse_key(word));
    change(words[1], membership);
  } else {
    fail(
        "usage: wg_device_tool list | dump NAME | set NAME KEY [endpoint=A:P] [keepalive=N]... | "
        "add NAME KEY PREFIX... | remove NAME KEY...");
  }
  return 0;
}
