// A zone file of many records, read by us and by ldns's own reader in turns: seconds of CPU of
// each, the least of several rounds. What both do with a record is to take its wire form.
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "dns/ldns.hpp"
#include "dns/zone_file.hpp"

namespace {

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Addresses for the most part, and what a large zone has beside them.
std::string make_zone(std::size_t records) {
  std::string text = "$TTL 300\n@ SOA ns1 host 1 3600 600 604800 300\n@ NS ns1\nns1 A 192.0.2.1\n";
  for (std::size_t i = 3; i < records; ++i) {
    const std::string number = std::to_string(i);
    const std::string owner = "name" + number;
    switch (i % 8) {
      case 0:
        text += owner + " 600 IN MX 10 name1\n";
        break;
      case 1:
        text += owner + " TXT \"v=spf1 -all\" \"number " + number + "\"\n";
        break;
      case 2:
        text += owner + " CNAME ns1\n";
        break;
      case 3:
        text += owner + " IN AAAA 2001:db8::" + std::to_string(i % 10000) + "\n";
        break;
      case 4:
        text += owner + " SRV 0 1 5060 ns1.example.org.\n";
        break;
      default:
        text += owner + " A 192.0.2." + std::to_string(i % 256) + "\n";
    }
  }
  return text;
}

std::size_t read_with_ours(const std::string& text, const dns::Name& origin) {
  const auto zone = dns::parse_zone_text(text, origin);
  return zone ? zone->records.size() : 0;
}

/// As wg-dnsd read a zone file before it had a reader of its own.
std::size_t read_with_ldns(const std::string& text, const dns::Name& origin) {
  std::vector<dns::ZoneRecord> records;
  std::FILE* const file = fmemopen(const_cast<char*>(text.data()), text.size(), "r");
  std::uint32_t ttl = 300;
  ldns_rdf* current = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin.view().wire().size(),
                                            origin.view().wire().data());
  ldns_rdf* previous = nullptr;
  int line = 1;
  while (std::feof(file) == 0) {
    ldns_rr* raw = nullptr;
    if (ldns_rr_new_frm_fp_l(&raw, file, &ttl, &current, &previous, &line) != LDNS_STATUS_OK)
      continue;
    const dns::RrPointer rr(raw);
    const auto owner = dns::parse_name_view(dns::octets_of(ldns_rr_owner(raw)));
    dns::ZoneRecord record{dns::Name(*owner),
                           dns::Ttl{ldns_rr_ttl(raw)},
                           dns::RrType{static_cast<std::uint16_t>(ldns_rr_get_type(raw))},
                           {},
                           {}};
    for (std::size_t i = 0; i < ldns_rr_rd_count(raw); ++i) {
      const base::Bytes field = dns::octets_of(ldns_rr_rdf(raw, i));
      record.rdata.insert(record.rdata.end(), field.begin(), field.end());
    }
    records.push_back(std::move(record));
  }
  ldns_rdf_deep_free(current);
  ldns_rdf_deep_free(previous);
  std::fclose(file);
  return records.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t records = 100000;
  int rounds = 5;
  CLI::App app("Reads a zone file with our reader and with ldns's.");
  app.add_option("--records", records);
  app.add_option("--rounds", rounds);
  CLI11_PARSE(app, argc, argv);

  const dns::Name origin = *dns::Name::parse("example.org");
  const std::string text = make_zone(records);
  double ours = 1e9;
  double theirs = 1e9;
  std::size_t read = 0;
  for (int round = 0; round < rounds; ++round) {
    const double start = thread_seconds();
    read = read_with_ours(text, origin);
    const double middle = thread_seconds();
    const std::size_t read_by_ldns = read_with_ldns(text, origin);
    theirs = std::min(theirs, thread_seconds() - middle);
    ours = std::min(ours, middle - start);
    if (read != records || read_by_ldns != records) return 1;
  }
  std::printf(R"({"records":%zu,"seconds":%.4f,"ldns_seconds":%.4f})"
              "\n",
              read, ours, theirs);
  return 0;
}
