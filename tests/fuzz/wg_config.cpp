// A file in WireGuard's configuration format.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wg/config_file.hpp"
#include "wg/config_names.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const wg::ConfigFile file = wg::parse_config_file(text);
  for (const auto* list : {&file.errors, &file.warnings}) {
    for (const wg::ConfigError& error : *list)
      if (error.line == 0 || error.message.empty()) std::abort();
  }
  for (const wg::ConfigPeer& peer : file.peers) {
    if (peer.line == 0 || peer.public_key.is_zero()) std::abort();
    if (wg::make_name(peer.name) != peer.name) std::abort();
  }
  return 0;
}
