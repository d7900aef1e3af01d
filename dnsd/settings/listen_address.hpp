#pragma once

#include <span>
#include <vector>

#include "base/endpoint.hpp"
#include "dnsd/settings/view.hpp"

namespace dnsd {

/// `ADDR[:PORT]`; the unspecified address of a family means all its addresses.
struct ListenAddress {
  base::Endpoint endpoint;
  View view{};

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

/// Port 53 on all addresses of both families, public.
[[nodiscard]] std::vector<ListenAddress> default_listeners();

/// Whether a query to this address of the host comes to one of the listeners of that view.
[[nodiscard]] bool covers(std::span<const ListenAddress> wanted, View view,
                          const base::IpAddress& address);

}  // namespace dnsd
