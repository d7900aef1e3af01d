#include "dnsd/report/findings.hpp"

#include <algorithm>
#include <variant>

namespace dnsd {

void add_address(Addresses& addresses, const base::IpAddress& address) {
  if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
    addresses.push_back(address);
}

const dns::SoaRecord* find_soa(const std::vector<dns::ReplyRecord>& records,
                               const dns::Name& owner) {
  for (const dns::ReplyRecord& record : records) {
    const auto* soa = std::get_if<dns::SoaRecord>(&record.data);
    if (soa != nullptr && record.owner == owner) return soa;
  }
  return nullptr;
}

}  // namespace dnsd
