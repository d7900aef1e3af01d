#include "dns/outside.hpp"

#include <algorithm>
#include <thread>

#include "base/interfaces.hpp"
#include "dns/server_address.hpp"

namespace dns {

RealOutside::RealOutside(const std::optional<base::Endpoint>& server) : resolver_(server) {
  const auto addresses = base::read_interface_addresses();
  if (!addresses) return;
  for (const base::InterfaceAddress& one : *addresses) own_.push_back(one.address);
}

base::Expected<Reply, ResolverError> RealOutside::resolve(const Name& name, RrType type) {
  return resolver_.ask(name, type);
}

base::Expected<Reply, ServerError> RealOutside::ask(const base::IpAddress& server,
                                                    Transport transport, const Name& name,
                                                    RrType type) {
  return ask_server({server, dns_port}, transport, name, type);
}

bool RealOutside::is_own(const base::IpAddress& address) {
  return std::find(own_.begin(), own_.end(), address) != own_.end();
}

void RealOutside::pause(std::chrono::milliseconds duration) {
  std::this_thread::sleep_for(duration);
}

}  // namespace dns
