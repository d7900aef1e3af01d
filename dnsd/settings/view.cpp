#include "dnsd/settings/view.hpp"

namespace dnsd {

bool is_published(const base::Endpoint& endpoint, View view, bool publish_private) {
  switch (endpoint.address.scope()) {
    case base::AddressScope::global:
      return true;
    case base::AddressScope::private_use:
      return publish_private || view == View::private_view;
    case base::AddressScope::never:
      return false;
  }
  return false;
}

}  // namespace dnsd
