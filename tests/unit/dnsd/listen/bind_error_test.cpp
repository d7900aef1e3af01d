#include "dnsd/listen/bind_error.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

namespace {

base::Endpoint at(const char* address) {
  return {*base::IpAddress::parse(address), base::Port{53}};
}

}  // namespace

TEST_CASE("an error of binding names the place, the holder and the remedy") {
  const auto code = [](int value) { return std::error_code(value, std::generic_category()); };
  const auto holder = [](const char* program, const char* local) {
    return dnsd::PortHolder{.program = program, .process = "512", .local = at(local)};
  };
  const struct {
    const char* name;
    dnsd::BindAddress address;
    dnsd::BindError error;
    std::optional<dnsd::PortHolder> holder;
    std::vector<std::string> parts;
  } rows[] = {
      {"systemd-resolved",
       {.endpoint = at("127.0.0.53")},
       {dns::Transport::udp, code(EADDRINUSE)},
       holder("systemd-resolve", "127.0.0.53"),
       {"UDP 127.0.0.53:53", "systemd-resolve (process 512)", "DNSStubListener=no"}},
      {"Pi-hole",
       {.endpoint = at("192.0.2.1")},
       {dns::Transport::tcp, code(EADDRINUSE)},
       holder("pihole-FTL", "0.0.0.0"),
       {"TCP 192.0.2.1:53", "pihole-FTL (process 512)", "bind-interfaces"}},
      {"ourselves",
       {.endpoint = at("192.0.2.1")},
       {dns::Transport::udp, code(EADDRINUSE)},
       holder("wg-dnsd", "192.0.2.1"),
       {"another wg-dnsd"}},
      {"nobody is seen",
       {.endpoint = at("192.0.2.1")},
       {dns::Transport::udp, code(EADDRINUSE)},
       std::nullopt,
       {"held by another program"}},
      {"no privilege",
       {.endpoint = at("::")},
       {dns::Transport::udp, code(EACCES)},
       std::nullopt,
       {"UDP [::]:53", "CAP_NET_BIND_SERVICE", "ip_unprivileged_port_start=53"}},
      {"an old kernel",
       {.endpoint = at("10.0.0.1"), .device = "wg0", .device_index = 3},
       {dns::Transport::udp, code(EPERM)},
       std::nullopt,
       {"10.0.0.1:53%wg0", "Linux 5.7", "CAP_NET_RAW"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const std::string text = dnsd::explain_bind_error(row.address, row.error, row.holder);
    CAPTURE(text);
    for (const std::string& part : row.parts) CHECK(text.find(part) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
  }
}
