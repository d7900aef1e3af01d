#include "dnsd/settings/listen_address.hpp"

#include <algorithm>
#include <array>

#include "dns/server_address.hpp"

namespace dnsd {

std::vector<ListenAddress> default_listeners() {
  const base::IpAddress any_ipv4(std::array<std::uint8_t, 4>{});
  const base::IpAddress any_ipv6(std::array<std::uint8_t, 16>{});
  return {{.endpoint = {any_ipv4, dns::dns_port}, .view = View::public_view},
          {.endpoint = {any_ipv6, dns::dns_port}, .view = View::public_view}};
}

bool covers(std::span<const ListenAddress> wanted, View view, const base::IpAddress& address) {
  // The most specific listener gets the query, in either view.
  const auto named = std::find_if(wanted.begin(), wanted.end(), [&](const ListenAddress& one) {
    return one.endpoint.address == address;
  });
  if (named != wanted.end()) return named->view == view;
  return std::any_of(wanted.begin(), wanted.end(), [&](const ListenAddress& one) {
    return one.view == view && one.endpoint.address.is_unspecified() &&
           one.endpoint.address.family() == address.family();
  });
}

}  // namespace dnsd
