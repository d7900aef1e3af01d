#include "updater/tunnel/mesh.hpp"

/// The list of the mesh, and a listed peer's record, as a server in the tunnel sends them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const dns::Name zone = *dns::Name::parse("wg.example.org");
  const base::Bytes packet(data, size);
  const auto keys = updater::parse_mesh_list(packet, zone);
  if (keys && keys->size() > updater::max_listed) __builtin_trap();
  (void)updater::parse_mesh_peer(packet, wg::PublicKey(base::Octets32{}), zone);
  return 0;
}
