#include "dnsd/listen/bind_error.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace dnsd {
namespace {

std::string_view describe(dns::Transport transport) {
  return transport == dns::Transport::udp ? "UDP" : "TCP";
}

std::string remedy(const PortHolder& holder) {
  // The kernel cuts program names to 15 octets.
  if (holder.program.starts_with("systemd-resolve")) {
    return "run: mkdir -p /etc/systemd/resolved.conf.d && "
           "printf '[Resolve]\\nDNSStubListener=no\\n' > "
           "/etc/systemd/resolved.conf.d/no-stub.conf && systemctl restart systemd-resolved; "
           "then link /etc/resolv.conf to /run/systemd/resolve/resolv.conf";
  }
  if (holder.process == std::to_string(::getpid())) {
    return "the service manager opened it for us under another user: give this place a socket unit "
           "of its own, with ReusePort=yes";
  }
  if (holder.program == "wg-dnsd") return "another wg-dnsd runs already: stop it first";
  if (holder.local.address.is_unspecified()) {
    return "stop it, or restrict it to other addresses (dnsmasq and Pi-hole: bind-interfaces and "
           "listen-address=127.0.0.1)";
  }
  return "stop it, or choose another address with --listen ADDR[:PORT]";
}

}  // namespace

std::string explain_bind_error(const BindAddress& address, const BindError& error,
                               const std::optional<PortHolder>& holder) {
  const std::string place = fmt::format("{} {}", describe(error.transport), describe(address));
  if (error.is(EADDRINUSE)) {
    if (!holder) return fmt::format("{} is held by another program: stop it", place);
    return fmt::format("{} is held by {}: {}", place, describe(*holder), remedy(*holder));
  }
  if (error.is(EACCES)) {
    return fmt::format(
        "{} is a privileged port: give wg-dnsd the capability CAP_NET_BIND_SERVICE "
        "(systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE), or run: "
        "sysctl -w net.ipv4.ip_unprivileged_port_start={}",
        place, base::to_number(address.endpoint.port));
  }
  if (error.is(EPERM) && !address.device.empty()) {
    return fmt::format(
        "{} must be tied to {}, which needs Linux 5.7 or newer, or the capability CAP_NET_RAW",
        place, address.device);
  }
  if (error.is(EADDRNOTAVAIL)) return fmt::format("{}: this host does not have it", place);
  return fmt::format("{} cannot be listened on: {}", place, error.code.message());
}

std::string describe(const BindAddress& address) {
  const std::string text = address.endpoint.to_string();
  return address.device.empty() ? text : text + "%" + address.device;
}

}  // namespace dnsd
