#include "dnsd/listen/unprivileged_port.hpp"

#include <fmt/format.h>
#include <linux/capability.h>

#include <charconv>

#include "base/capability.hpp"
#include "base/read_file.hpp"
#include "dns/server_address.hpp"

namespace dnsd {
namespace {

constexpr base::Port unprivileged_port{5300};

bool may_listen_on(base::Port port) {
  if (base::has_capability(CAP_NET_BIND_SERVICE)) return true;
  unsigned first = 1024;
  const auto text = base::read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), first);
  return base::to_number(port) >= first;
}

}  // namespace

void choose_allowed_port(Config& config) {
  if (!config.listen.empty() || may_listen_on(dns::dns_port)) return;
  config.listen = default_listeners();
  for (ListenAddress& one : config.listen) one.endpoint.port = unprivileged_port;
  config.warnings.push_back(fmt::format(
      "the user {} may not listen on port 53, which the internet asks: listening on port {} of all "
      "addresses; for port 53 give wg-dnsd CAP_NET_BIND_SERVICE, for another one use "
      "--listen ADDR:PORT",
      base::user_name(), base::to_number(unprivileged_port)));
}

}  // namespace dnsd
