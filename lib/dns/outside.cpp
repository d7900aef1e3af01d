#include "dns/outside.hpp"

namespace dns {
namespace {

constexpr base::Port dns_port{53};

}  // namespace

base::Expected<Reply, ResolverError> RealOutside::resolve(const Name& name, RrType type) {
  return resolver_.ask(name, type);
}

base::Expected<Reply, ServerError> RealOutside::ask(const base::IpAddress& server,
                                                    ServerTransport transport, const Name& name,
                                                    RrType type) {
  return ask_server({server, dns_port}, transport, name, type);
}

}  // namespace dns
