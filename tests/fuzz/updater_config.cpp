// A configuration file of wg-updater, from its octets to the output of --check-config.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.hpp"
#include "updater/settings/config_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes bytes(data, size);
  updater::CommandLine line;
  line.interface = "wg0";
  line.config_file = "/fuzz.yaml";
  std::string text(bytes.begin(), bytes.end());
  const auto read_file = [&](const std::string& /*path*/) { return text; };
  try {
    const updater::Config config = updater::read_config(line, read_file);
    text = updater::to_yaml(config);
    if (updater::read_config(line, read_file) != config) std::abort();  // it must load to the same
  } catch (const updater::ConfigError&) {
    // Refused: the only other result.
  }
  return 0;
}
