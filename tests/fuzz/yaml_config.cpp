// A configuration file, from its octets to the configuration that --check-config prints.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.hpp"
#include "dnsd/settings/config_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes bytes(data, size);
  dnsd::CommandLine line;
  line.config_file = "/fuzz.yaml";
  std::string text(bytes.begin(), bytes.end());
  const auto read_file = [&](const std::string& path) {
    return path == "/fuzz.yaml"
               ? text
               : "[Peer]\nPublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=\n";
  };
  try {
    const dnsd::Config config = dnsd::read_config(line, read_file);
    text = dnsd::to_yaml(config);
    if (dnsd::read_config(line, read_file) != config) std::abort();  // it must load to the same
  } catch (const dnsd::ConfigError&) {
    // Refused: the only other result.
  }
  return 0;
}
