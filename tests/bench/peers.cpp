// Writes the file of peers that the servers of a benchmark load: each peer has one AllowedIPs and
// an Endpoint.
#include <cstdio>
#include <cstdlib>

#include "tests/bench/scene.hpp"

int main(int count, char** words) {
  if (count != 2) {
    std::fputs("usage: bench_peers NUMBER > FILE\n", stderr);
    return 2;
  }
  const std::uint64_t peers = std::strtoull(words[1], nullptr, 10);
  for (std::uint64_t i = 0; i < peers; ++i) {
    std::printf("[Peer]\nPublicKey = %s\nAllowedIPs = %s\nEndpoint = %s\n\n",
                bench::key(i).to_base64().c_str(), bench::allowed_ip(i).to_string().c_str(),
                bench::endpoint(i).to_string().c_str());
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}
