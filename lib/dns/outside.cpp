#include "dns/outside.hpp"

#include "dns/server_address.hpp"

namespace dns {

base::Expected<Reply, ResolverError> RealOutside::resolve(const Name& name, RrType type) {
  return resolver_.ask(name, type);
}

base::Expected<Reply, ServerError> RealOutside::ask(const base::IpAddress& server,
                                                    Transport transport, const Name& name,
                                                    RrType type) {
  return ask_server({server, dns_port}, transport, name, type);
}

}  // namespace dns
