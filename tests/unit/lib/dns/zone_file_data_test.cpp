#include "dns/zone_file_data.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/encoding.hpp"
#include "dns/zone_file.hpp"

namespace {

const dns::Name origin = *dns::Name::parse("example.org");

std::string hex(char c, std::size_t octets) {
  return std::string(2 * octets, c);
}

/// What a type and its data are read as, as the octets in hex; or `! message`.
std::string read(const std::string& record) {
  const auto zone = dns::parse_zone_text("x 1 " + record + "\n", origin);
  if (!zone) return "! " + zone.error().message;
  return base::to_hex(zone->records.at(0).rdata);
}

struct Row {
  std::string record, data;
};

}  // namespace

TEST_CASE("the data of each type, as octets") {
  const Row rows[] = {
      {"A 192.0.2.1", "c0000201"},
      {"AAAA 2001:db8::1", "20010db8000000000000000000000001"},
      {"NS a", "0161076578616d706c65036f726700"},
      {"NS a.", "016100"},
      {"NS @", "076578616d706c65036f726700"},
      {"NS .", "00"},
      {"NS \\$a.", "02246100"},
      {"NS a$.", "02612400"},
      {"NS @a.", "02406100"},
      {"NS \\@.", "014000"},
      {"NS a\\.$.", "03612e2400"},
      {"NS a\\.b.", "03612e6200"},
      {"NS a\\\\.", "02615c00"},
      {"NS a\\.", "02612e076578616d706c65036f726700"},
      {"MX 65535 a.", "ffff016100"},
      {"SOA a. b. 4294967295 1h 2M 1w2d3h4m5s 0",
       "016100016200ffffffff00000e1000000078000c08a500000000"},
      {"TXT a \"b c\" \"\" \\065",
       "01610362206300"
       "0141"},
      {"SRV 0 1 65535 a.", "00000001ffff016100"},
      {"HINFO a b", "01610162"},
      {"CAA 0 issue \"ca.example\"",
       "00056973737565"
       "63612e6578616d706c65"},
      {"CAA 128 tbs Unknown",
       "8003746273"
       "556e6b6e6f776e"},
      {"NAPTR 1 2 u E2U+sip \"!^.*$!sip:a!\" .",
       "000100020175074532552b7369700c"
       "215e2e2a24217369703a612100"},
      {"NAPTR 1 2 u s \"\" a.", "000100020175017300016100"},
      {"NAPTR 1 2 u s !a\\\\!b!!ii .",
       "000100020175017309"
       "21615c216221216969"
       "00"},
      {"DS 1 RSASHA256 2 " + hex('a', 16) + " " + hex('b', 16), ""},
      {"SSHFP 4 2 " + hex('1', 32), "0402" + hex('1', 32)},
      {"TLSA 3 1 1 " + hex('2', 32), "030101" + hex('2', 32)},
      {"CERT PKIX 1 RSASHA1 AQID",
       "000100010501"
       "0203"},
      {"URI 10 1 \"https://a/\"",
       "000a0001"
       "68747470733a2f2f612f"},
      {"EUI48 00-00-5e-00-53-2a", "00005e00532a"},
      {"EUI64 00-00-5e-ef-10-00-00-2a", "00005eef1000002a"},
      {"L64 10 2001:0DB8:1140:1000", "000a20010db811401000"},
      {"L32 10 10.1.2.0", "000a0a010200"},
      {"APL 1:192.0.2.0/24 !2:2001:db8::/32",
       "00011803c00002"
       "0002208420010db8"},
      {"APL", ""},
      {"IPSECKEY 10 1 2 192.0.2.38 AQID", "0a0102c0000226010203"},
      {"IPSECKEY 10 0 2 . AQID", "0a0002010203"},
      {"IPSECKEY 10 3 0 a.", "0a0300016100"},
      {"HIP 2 2001 AQID a.",
       "0202000320010102"
       "03016100"},
      {"CSYNC 66 3 A NS AAAA",
       "0000004200030004"
       "60000008"},
      {"WKS 192.0.2.1 6 25 80",
       "c000020106"
       "00000040000000000000"
       "80"},
      {"NSAP 0x47.0005.80",
       "4700058"
       "0"},
      {"NSAP-PTR a.", "016100"},
      {"LOC 42 21 54 N 71 06 18 W -24m 30m", "0033161389172dd070be15f000988d20"},
      {"LOC 90 N 180 E 0", "0012161393"},
      {"LOC 1 1 1. N 1 E 3.m 3.m", "003216138037dcc88036ee80009897ac"},
      {"SVCB 0 a.", "0000016100"},
      {"HTTPS 1 . alpn=h2,h3 port=443",
       "00010000010006026832026833000300"
       "0201bb"},
      {"HTTPS 1 . port=443 alpn=\"h2,h3\"",
       "00010000010006026832026833000300"
       "0201bb"},
      // RFC 9460 Appendix D.2: escaped twice, once for the list and once for the file.
      {"SVCB 16 a. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
       "0010016100"
       "0001000c08665c6f6f2c62617202"
       "6832"},
      {"SVCB 16 a. alpn=f\\\\\\092oo\\092,bar,h2",
       "0010016100"
       "0001000c08665c6f6f2c62617202"
       "6832"},
      {"SVCB 1 a. ipv4hint=192.0.2.1,192.0.2.2",
       "0001016100"
       "00040008c0000201c0000202"},
      {"SVCB 1 a. mandatory=port,alpn alpn=x port=1", ""},
      {"SVCB 1 a. key667=\"hello\\210qoo\"",
       "0001016100"
       "029b000968656c6c6fd2716f6f"},
      {"SVCB 1 a. key667",
       "0001016100"
       "029b0000"},
      {"TYPE65280 \\# 3 01 0203", "010203"},
      {"TYPE65280 \\# 0", ""},
      {"A \\# 4 c0000201", "c0000201"},
      {"TYPE1 192.0.2.1", "c0000201"},
      {"mx \\# 3 000100", "000100"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.record);
    const std::string data = read(row.record);
    CAPTURE(data);
    CHECK_FALSE(data.starts_with("!"));
    if (!row.data.empty()) CHECK(data.starts_with(row.data));
    if (!row.data.empty() && !row.record.starts_with("LOC 90")) CHECK(data == row.data);
    // As it is written, and as octets (RFC 3597 §5), it is read as the same.
    const auto zone = dns::parse_zone_text("x 1 " + row.record + "\n", origin);
    const dns::ZoneRecord& record = zone->records.at(0);
    const auto again = dns::parse_zone_text(
        dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata), origin);
    REQUIRE(again);
    CHECK(base::to_hex(again->records.at(0).rdata) == data);
    CHECK(read(dns::to_string(record.type) + " \\# " + std::to_string(data.size() / 2) + " " +
               data) == data);
  }
}

TEST_CASE("data that is out of range, too short or too long is refused, with a reason") {
  const std::string long_string(256, 'a');
  const Row rows[] = {
      {"A", "a field is missing"},
      {"A 192.0.2.256", "is no IPv4 address"},
      {"A 192.0.2", "is no IPv4 address"},
      {"A \"192.0.2.1\"", "is no IPv4 address"},
      {"A 192.0.2.1 192.0.2.2", "one field too many"},
      {"AAAA 192.0.2.1", "is no IPv6 address"},
      {"AAAA fe80::1%eth0", "is no IPv6 address"},
      {"NS \"a.\"", "is quoted"},
      {"NS a..b", "is no name"},
      {"NS \\256", "is no name"},
      {"MX 1 $a", "$a is no name"},
      {"MX 1 a.$b", "a.$b is no name"},
      {"MX 1 @.a", "@.a is no name"},
      {"MX 1 a.@", "a.@ is no name"},
      {"NS " + std::string(64, 'a'), "is no name"},
      {"MX 65536 a", "from 0 to 65535"},
      {"MX -1 a", "from 0 to 65535"},
      {"MX 1x a", "from 0 to 65535"},
      {"MX a", "from 0 to 65535"},
      {"MX 1", "a field is missing"},
      {"SRV 0 0 70000 a", "from 0 to 65535"},
      {"SOA a b 4294967296 1 1 1 1", "from 0 to 4294967295"},
      {"SOA a b 1 1x 1 1 1", "is no time"},
      {"SOA a b 1 1h30 1 1 1", "is no time"},
      {"SOA a b 1 4294967296 1 1 1", "is no time"},
      {"TXT", "a field is missing"},
      {"TXT " + long_string, "255 fit"},
      {"TXT \\999", "escape"},
      {"TXT a=\"b\"", "a quote stands inside a word"},
      {"CAA 256 issue a", "from 0 to 255"},
      {"CAA 0 \"\" a", "letters and digits"},
      {"CAA 0 is-sue a", "letters and digits"},
      {"NAPTR 1 2 u s @ .", "is no substitution"},
      {"NAPTR 1 2 u s \\# .", "is no substitution"},
      {"NAPTR 1 2 u s !a!b .", "is no substitution"},
      {"NAPTR 1 2 u s !a!b\\\\! .", "is no substitution"},
      {"NAPTR 1 2 u s !a!b\\\\ .", "is no substitution"},
      {"NAPTR 1 2 u s !!b! .", "is no substitution"},
      {"NAPTR 1 2 u s !a!b!g .", "is no substitution"},
      {"NAPTR 1 2 u s 1a1b1 .", "is no substitution"},
      {"NAPTR 1 2 u s iaibi .", "is no substitution"},
      {"NAPTR \\# 11 0001000201750173014000", "is no substitution"},
      {"DS 1 8 2 ABC", "odd number"},
      {"DS 1 8 2 " + hex('g', 32), "is not hexadecimal"},
      {"DS 1 8 2 " + hex('a', 31), "has 32 octets, not 31"},
      {"DS 1 8 1 " + hex('a', 32), "has 20 octets, not 32"},
      {"DS 1 8 4 " + hex('a', 32), "has 48 octets, not 32"},
      {"DS 65536 8 2 " + hex('a', 32), "from 0 to 65535"},
      {"DS 1 256 2 " + hex('a', 32), "from 0 to 255"},
      {"DS 1 NOSUCH 2 " + hex('a', 32), "known name"},
      {"DS 1 8 2", "a field is missing"},
      {"DS \\# 36 00010802" + hex('a', 31), "36 octets, and 35 follow"},
      {"DS \\# 35 00010802" + hex('a', 31), "has 32 octets, not 31"},
      {"SSHFP 1 1 " + hex('a', 19), "has 20 octets, not 19"},
      {"SSHFP 1 2 " + hex('a', 33), "has 32 octets, not 33"},
      {"TLSA 3 1 1 " + hex('a', 31), "has 32 octets, not 31"},
      {"TLSA 3 1 2 " + hex('a', 32), "has 64 octets, not 32"},
      {"ZONEMD 1 1 1 " + hex('a', 47), "has 48 octets, not 47"},
      {"ZONEMD 1 1 9 aa", "at least 12"},
      {"CERT 1 1 8 AQI", "base64"},
      {"CERT 1 1 8 A===", "base64"},
      {"EUI48 00-00-5e-00-53", "6 groups"},
      {"EUI48 00:00:5e:00:53:2a", "6 groups"},
      {"L64 1 2001:db8:1:1", "4 groups"},
      {"APL 1:192.0.2.0/33", "is no prefix"},
      {"APL 3:192.0.2.0/24", "is no prefix"},
      {"APL 192.0.2.0/24", "is no prefix"},
      {"IPSECKEY 10 4 2 . AQID", "from 0 to 3"},
      {"IPSECKEY 10 0 2 a AQID", "written as ."},
      {"IPSECKEY 10 0 2 .", "the key is missing"},
      {"HIP 2 20 AQI", "base64"},
      {"CSYNC 1 1 NOSUCH", "is no type"},
      {"WKS 192.0.2.1 6 65536", "is no port"},
      {"WKS 192.0.2.1 nosuch 1", "is no protocol"},
      {"NSAP 4700", "begins with 0x"},
      {"NSAP 0x470", "odd number"},
      {"LOC 99 N 200 W 10", "out of range"},
      {"LOC 90 1 N 0 E 0", "more than 90 degrees"},
      {"LOC 1 60 N 0 E 0", "out of range"},
      {"LOC 1 1 60 N 0 E 0", "out of range"},
      {"LOC 1 1 1.0001 N 0 E 0", "out of range"},
      {"LOC N 0 E 0", "has no degrees"},
      {"LOC 1 N 1 0", "longitude"},
      {"LOC 1 N 1 E", "altitude"},
      {"LOC 1 N 1 E -100001", "altitude"},
      {"LOC 1 N 1 E 42849673", "altitude"},
      {"LOC 1 N 1 E 0 90000001", "sizes"},
      {"LOC 1 N 1 E 0 1 1 1 1", "too many"},
      {"LOC \\# 16 01000000800000008000000000000000", "version 0"},
      {"LOC \\# 16 00a00000800000008000000000000000", "out of range"},
      {"LOC \\# 16 00000000ff0000008000000000000000", "out of range"},
      {"SVCB 1", "a field is missing"},
      {"SVCB 1 a nosuch=1", "is no key"},
      {"SVCB 1 a key01=1", "is no key"},
      {"SVCB 1 a key65535=1", "is no key"},
      {"SVCB 1 a port=1 port=2", "twice"},
      {"SVCB 1 a key3=ab port=2", "twice"},
      {"SVCB 1 a port=65536", "65535"},
      {"SVCB 1 a port", "65535"},
      {"SVCB 1 a alpn", "empty"},
      {"SVCB 1 a alpn=,h2", "empty"},
      {"SVCB 1 a alpn=h2,", "empty"},
      {"SVCB 1 a \"alpn=h2\"", "quotes stand around the value"},
      {"SVCB 1 a al=pn=\"h2\"", "a quote stands inside a word"},
      {"SVCB 1 a no-default-alpn", "needs alpn"},
      {"SVCB 1 a alpn=h2 no-default-alpn=1", "has no value"},
      {"SVCB 1 a ipv4hint=::1", "is no IPv4 address"},
      {"SVCB 1 a ipv6hint=192.0.2.1", "is no IPv6 address"},
      {"SVCB 1 a ech=A", "base64"},
      {"SVCB 1 a mandatory=port", "not given"},
      {"SVCB 1 a mandatory=mandatory", "itself"},
      {"SVCB 1 a mandatory=port,port port=1", "twice"},
      {"SVCB 1 a key1=h2", "none of them empty"},
      {"SVCB \\# 11 0001000003000100"
       "0100"
       "00",
       "cut short"},
      {"SVCB \\# 13 000100"
       "00030002"
       "0001"
       "00020000",
       "ascending"},
      {"TYPE65280 a", "as \\# LENGTH HEX"},
      {"TYPE65280 \\#", "a length"},
      {"TYPE65280 \\# 65536", "a length"},
      {"TYPE65280 \\# 2 01", "2 octets, and 1 follow"},
      {"TYPE65280 \\# 1 0102", "1 octets, and 2 follow"},
      {"TYPE65280 \\# 2 010", "odd number"},
      {"NULL a", "as \\# LENGTH HEX"},
      // All fields of the type, and nothing behind them.
      {"CNAME \\# 3 00aabb", "nothing can stand behind it"},
      {"NS \\# 3 00aabb", "nothing can stand behind it"},
      {"MX \\# 5 00010001ff", "nothing can stand behind it"},
      {"MX \\# 4 0001c000", ""},
      {"A \\# 5 0102030405", "nothing can stand behind it"},
      {"TYPE5 \\# 3 00aabb", "nothing can stand behind it"},
      {"SRV ( \\# 9 0001000200030077aa )", "nothing can stand behind it"},
      {"NS \\# 0", "more fields than these"},
      {"MX \\# 2 0001", "more fields than these"},
      {"TXT \\# 0", "more fields than these"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.record);
    const std::string result = read(row.record);
    CAPTURE(result);
    CHECK(result.starts_with("! x.example.org. "));
    CHECK(result.find(row.data) != std::string::npos);
  }
}

TEST_CASE("seconds, with and without units") {
  const struct {
    const char* text;
    std::optional<std::uint32_t> seconds;
  } rows[] = {
      {"0", 0},     {"300", 300}, {"1h", 3600}, {"1H30m", 5400}, {"1w1d1h1m1s", 694861},
      {"100", 100}, {"101", {}},  {"", {}},     {"h", {}},       {"1x", {}},
      {"1h30", {}}, {"-1", {}},   {"+1", {}},   {"1.5h", {}},    {"1 h", {}},
      {"1hh", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const std::uint32_t max = row.seconds && *row.seconds > 100 ? 0x7fffffff : 100;
    CHECK(dns::parse_zone_seconds(row.text, max) == row.seconds);
  }
  CHECK(dns::parse_zone_seconds("2147483647", 0x7fffffff) == 0x7fffffffU);
  for (const char* text : {"2147483648", "99999999999", "99999999999999999999999", "3551w"})
    CHECK_FALSE(dns::parse_zone_seconds(text, 0x7fffffff));
}

TEST_CASE("a name continues in the origin, unless a dot ends it") {
  const auto read_name = [](const std::string& text) {
    const auto name = dns::parse_relative_name(text, origin);
    return name ? name->to_string() : "none";
  };
  CHECK(read_name("a") == "a.example.org.");
  CHECK(read_name("a.b") == "a.b.example.org.");
  CHECK(read_name("a.") == "a.");
  CHECK(read_name("@") == "example.org.");
  CHECK(read_name("\\@") == "\\@.example.org.");
  CHECK(read_name("a\\.") == "a\\..example.org.");
  CHECK(read_name("a\\\\.") == "a\\\\.");
  CHECK(read_name("\\.") == "\\..example.org.");
  CHECK(read_name(".") == ".");
  for (const char* text : {"", "..", ".a", "a..", "\\", "\\1"}) {
    CAPTURE(text);
    CHECK(read_name(text) == "none");
  }
  // 255 octets with the origin: three labels of 63, one of 49, and the 13 of the origin.
  const std::string label = std::string(63, 'a') + '.';
  const std::string three = label + label + label;
  CHECK(read_name(three + std::string(49, 'b')) != "none");
  CHECK(read_name(three + std::string(50, 'b')) == "none");
}

TEST_CASE("data is the same when only the letters of its names differ") {
  const auto same = [](const std::string& type, const std::string& a, const std::string& b) {
    const auto zone =
        dns::parse_zone_text("x 1 " + type + " " + a + "\nx 1 " + type + " " + b + "\n", origin);
    REQUIRE(zone);
    const auto& records = zone->records;
    return dns::is_same_data(records[0].type, records[0].rdata, records[1].rdata);
  };
  CHECK(same("NS", "a", "A.EXAMPLE.org."));
  CHECK(same("MX", "1 a", "1 A"));
  CHECK(same("SRV", "1 2 3 a", "1 2 3 A"));
  CHECK(same("SOA", "a b 1 2 3 4 5", "A B 1 2 3 4 5"));
  CHECK(same("NAPTR", "1 2 u s \"\" a", "1 2 u s \"\" A"));
  CHECK_FALSE(same("NAPTR", "1 2 u s \"\" a", "1 2 U s \"\" a"));
  CHECK_FALSE(same("MX", "97 a", "65 a"));  // the octets of a and A
  CHECK_FALSE(same("NS", "a", "b"));
  CHECK_FALSE(same("NS", "a", "a.b"));
  CHECK_FALSE(same("TXT", "a", "A"));
  CHECK_FALSE(same("SVCB", "1 a", "1 A"));
}
