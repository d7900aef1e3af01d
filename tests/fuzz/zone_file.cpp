#include "dns/zone_file.hpp"

#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"

// An operator's zone file. Each record that is read can be written, and is the same when it is read
// again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const dns::Name origin = *dns::Name::parse("example.test");
  const auto zone = dns::parse_zone_text(base::as_text({data, size}), origin, "zone");
  if (!zone) {
    if (zone.error().line == 0 || zone.error().message.empty()) std::abort();
    return 0;
  }
  for (const dns::ZoneRecord& record : zone->records) {
    if (record.place.line == 0 || !record.owner.view().is_at_or_below(origin)) std::abort();
    const auto again = dns::parse_zone_text(
        dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata), origin);
    if (!again || again->records.size() != 1) std::abort();
    const dns::ZoneRecord& read = again->records[0];
    if (read.owner != record.owner || read.ttl != record.ttl || read.type != record.type ||
        read.rdata != record.rdata)
      std::abort();
  }
  return 0;
}
