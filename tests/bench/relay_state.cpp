// Makes, by the product's own code, what wg-dnsd needs to pass on the sessions of relay_scene.hpp
// from its first packet on:
//   bench_relay_state FOLDER PORT PEERS WAYS
// FOLDER/key of the point, FOLDER/peers.conf, FOLDER/state/state.db. Prints the point's public key.
// The routes live for 190 s from now on.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "dnsd/state/state_store.hpp"
#include "noise/crypto.hpp"
#include "tests/bench/relay_scene.hpp"

namespace {

constexpr std::chrono::seconds life{190};

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "bench_relay_state: {}\n", message);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): there is one thread
}

void write_key(const std::string& path, const wg::PrivateKey& key) {
  ::umask(0077);
  base::Octets32 octets{};
  std::copy(key.bytes().begin(), key.bytes().end(), octets.begin());
  std::ofstream(path) << base::to_base64(octets) << '\n';
}

void write_peers(const std::string& path, const std::vector<wg::PublicKey>& keys) {
  std::ofstream out(path);
  for (std::size_t i = 0; i < keys.size(); ++i)
    out << fmt::format("[Peer]\nPublicKey = {}\nAllowedIPs = 10.{}.{}.{}/32\n\n",
                       keys[i].to_base64(), i >> 16U, (i >> 8U) & 255U, i & 255U);
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) fail("usage: bench_relay_state FOLDER PORT PEERS WAYS");
  const std::string folder = words[1];
  const std::string port = words[2];
  const auto peers = static_cast<std::uint32_t>(std::strtoul(words[3], nullptr, 10));
  const auto ways = static_cast<std::uint32_t>(std::strtoul(words[4], nullptr, 10));
  // A number that no peer has.
  const wg::PrivateKey point = bench::key_of_relayed(bench::max_relayed_peers);
  write_key(folder + "/key", point);
  std::vector<wg::PublicKey> keys;
  for (std::uint32_t i = 0; i < peers; ++i)
    keys.push_back(noise::KeyPair(bench::key_of_relayed(i)).public_key());
  write_peers(folder + "/peers.conf", keys);

  const wg::PublicKey own = noise::KeyPair(point).public_key();
  const std::string source = fmt::format("point:{}:{}", bench::relay_address().to_string(), port);
  dnsd::StateStore store(folder + "/state");
  if (!store.is_durable()) fail(store.problem());
  dnsd::StateStore::Batch batch;
  batch.sources.push_back({.name = source, .own_key = own});
  for (const wg::PublicKey& key : keys)
    batch.peers.push_back(
        {source, key, dnsd::SavedPeer{.key = key, .sighting = {}, .allowed_ips = {}}});
  const base::WallTime end = base::read_clock().wall + life;
  for (const bench::RelayedWay& way : bench::relayed_ways(peers, ways))
    batch.routes.push_back({source, keys[way.from], keys[way.to], {{way.index, end}}});
  if (const auto written = store.write(batch); !written) fail(written.error().message);
  fmt::print("{}\n", own.to_base64());
  return 0;
}
