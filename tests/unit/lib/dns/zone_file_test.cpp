#include "dns/zone_file.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

const dns::Name zone = *dns::Name::parse("example.test");

/// The lines of a zone that most cases begin with.
const std::string head =
    "$ORIGIN example.test.\n$TTL 300\n@ SOA ns1 host 1 3600 600 604800 300\n@ NS ns1\n"
    "ns1 A 192.0.2.1\n";

std::string write(const dns::ZoneRecord& record) {
  std::string line = dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata);
  for (char& c : line) {
    if (c == '\t') c = ' ';
  }
  return line;
}

/// The records behind the first `skip`, or the error.
std::string write(const base::Expected<dns::ZoneFile, dns::ZoneFileError>& read,
                  std::size_t skip = 0) {
  if (!read) return read.error().to_string();
  std::string text;
  for (std::size_t i = skip; i < read->records.size(); ++i) text += write(read->records[i]);
  return text;
}

std::string read(const std::string& text, std::size_t skip = 0) {
  return write(dns::parse_zone_text(text, zone), skip);
}

/// A folder with files, which is removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "zone-file-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  void put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(path(name).parent_path());
    std::ofstream(path(name)) << text;
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return path_ / name; }
  /// Reads `zone`. \return its records, or the error without the folder.
  [[nodiscard]] std::string read() const {
    std::string result = write(dns::read_zone_file(path("zone"), zone));
    for (std::size_t at = 0; (at = result.find(path_.string() + "/")) != std::string::npos;)
      result.erase(at, path_.string().size() + 1);
    return result;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a zone file: relative names, $ORIGIN, $TTL, several lines, comments") {
  CHECK(read("; comment\n"
             "$TTL 60\n"
             "@ IN SOA ns1 hostmaster (\n  1 ; serial\n  2 3 4\n  5 )\n"
             "  NS ns1\n"
             "ns1 120 A 192.0.2.1\n"
             "$ORIGIN sub.example.test.\n"
             "x TXT \"a b\" c\n"
             "y TYPE65280 \\# 2 0102") ==
        "example.test. 60 IN SOA ns1.example.test. hostmaster.example.test. 1 2 3 4 5\n"
        "example.test. 60 IN NS ns1.example.test.\n"
        "ns1.example.test. 120 IN A 192.0.2.1\n"
        "x.sub.example.test. 60 IN TXT \"a b\" \"c\"\n"
        "y.sub.example.test. 60 IN TYPE65280 \\# 2 0102\n");
}

TEST_CASE("an empty zone file has no records") {
  for (const char* text : {"", "\n", "; nothing\n", "$TTL 3\n"}) {
    CAPTURE(text);
    CHECK(read(text).empty());
  }
}

TEST_CASE("right lines, in each order and spelling that there is") {
  const std::string a = "www.example.test. 600 IN A 192.0.2.2\n";
  const struct {
    std::string what;
    std::string lines, expected;
  } rows[] = {
      {"class before TTL", "www IN 600 A 192.0.2.2\n", a},
      {"TTL before class", "www 600 IN A 192.0.2.2\n", a},
      {"class by number", "www 600 CLASS1 A 192.0.2.2\n", a},
      {"small letters", "www 600 in a 192.0.2.2\n", a},
      {"a TTL with units", "www 10M a 192.0.2.2\n", a},
      {"TTL 0", "www 0 A 192.0.2.2\n", "www.example.test. 0 IN A 192.0.2.2\n"},
      {"$TTL in small letters", "$ttl 600\nwww A 192.0.2.2\n", a},
      {"$TTL with units", "$TTL 10m\nwww A 192.0.2.2\n", a},
      {"$TTL 0", "$TTL 0\nwww A 192.0.2.2\ny 60 A 192.0.2.3\nz A 192.0.2.4\n",
       "www.example.test. 0 IN A 192.0.2.2\ny.example.test. 60 IN A 192.0.2.3\n"
       "z.example.test. 0 IN A 192.0.2.4\n"},
      {"a relative origin", "$ORIGIN sub\nb A 192.0.2.4\n",
       "b.sub.example.test. 300 IN A 192.0.2.4\n"},
      {"$Origin and @", "$Origin sub.example.test.\n@ A 192.0.2.4\n",
       "sub.example.test. 300 IN A 192.0.2.4\n"},
      {"the owner of the line before", "www 600 A 192.0.2.2\n 600 A 192.0.2.2\n", a + a},
      {"the owner outlives $ORIGIN", "www 600 A 192.0.2.2\n$ORIGIN sub\n\t600 A 192.0.2.2\n",
       a + a},
      {"a quoted owner", "\"www\" 600 A 192.0.2.2\n", a},
      {"an owner that is a type", "mx 600 A 192.0.2.2\n", "mx.example.test. 600 IN A 192.0.2.2\n"},
      {"an owner that is a number", "600 600 A 192.0.2.2\n",
       "600.example.test. 600 IN A 192.0.2.2\n"},
      {"an owner that is a class", "in 600 IN A 192.0.2.2\n",
       "in.example.test. 600 IN A 192.0.2.2\n"},
      {"parentheses around the TTL", "www ( 600\n) A 192.0.2.2\n", a},
      {"lines as on Windows", "www 600 A 192.0.2.2\r\n\r\n", a},
      {"an escaped dollar", "\\$TTL A 192.0.2.2\n", "\\$TTL.example.test. 300 IN A 192.0.2.2\n"},
      {"a comma in a list", "a SVCB 1 t alpn=\"one\\\\,two,three\"\n",
       "a.example.test. 300 IN TYPE64 \\# 36 00010174076578616d706c65047465737400"
       "0001000e076f6e652c74776f057468726565\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(read(head + row.lines, 3) == row.expected);
  }
}

TEST_CASE("wrong lines are refused with their line and a reason") {
  const struct {
    std::string what;
    std::string lines;
    std::size_t line;  // behind the head
    const char* says;
  } rows[] = {
      {"a misspelt directive", "$ORGIN sub.example.test.\nx A 192.0.2.2\n", 1, "$ORGIN is no dir"},
      {"$GENERATE", "$GENERATE 1-2 a A 192.0.2.1\n", 1, "$GENERATE is not supported"},
      {"a directive behind a space", " $TTL 3\n", 1, "a directive begins its line"},
      {"$TTL without a time", "$TTL\n", 1, "behind $TTL"},
      {"$TTL with two", "$TTL 1 2\n", 1, "behind $TTL"},
      {"$TTL too large", "$TTL 2147483648\n", 1, "behind $TTL"},
      {"$ORIGIN without a name", "$ORIGIN\n", 1, "behind $ORIGIN"},
      {"$ORIGIN with two", "$ORIGIN a b\n", 1, "behind $ORIGIN"},
      {"$ORIGIN with a bare $", "$ORIGIN $a\n", 1, "behind $ORIGIN"},
      {"$ORIGIN with an empty label", "$ORIGIN a..b\n", 1, "behind $ORIGIN"},
      {"$INCLUDE in a text", "$INCLUDE other\n", 1, "this text is none"},
      {"a TTL with another unit", "a 1x A 192.0.2.2\n", 1, "1x is no TTL"},
      {"a TTL too large", "a 99999999999 A 192.0.2.2\n", 1, "is no TTL"},
      {"two TTLs", "a 1 2 A 192.0.2.2\n", 1, "2 is no type"},
      {"two classes", "a IN IN A 192.0.2.2\n", 1, "IN is no type"},
      {"class CH", "a CH TXT a\n", 1, "class IN"},
      {"class HS", "a 3 hs TXT a\n", 1, "class IN"},
      {"class 3", "a CLASS3 TXT a\n", 1, "class IN"},
      {"no type", "a\n", 1, "a type is missing"},
      {"no type behind the TTL", "a 300 IN\n", 1, "a type is missing"},
      {"an unknown type", "\n\n; x\na NONSENSE 1\n", 4, "NONSENSE is no type"},
      {"a type too large", "a TYPE65536 \\# 0\n", 1, "TYPE65536 is no type"},
      {"a quoted type", "a \"A\" 192.0.2.1\n", 1, "is no type"},
      {"TYPE0", "a TYPE0 \\# 0\n", 1, "no type of records"},
      {"OPT", "a TYPE41 \\# 0\n", 1, "no type of records"},
      {"a type for questions", "a TYPE128 \\# 0\n", 1, "no type of records"},
      {"ANY", "a TYPE255 \\# 0\n", 1, "no type of records"},
      {"TSIG", "a TSIG x\n", 1, "no type of records"},
      {"a signature", "a RRSIG A 8 2 3 20260101000000 20250101000000 1 a. AQID\n", 1, "signed"},
      {"NSEC", "a NSEC b. A\n", 1, "signed"},
      {"DNSKEY by number", "a TYPE48 \\# 0\n", 1, "signed"},
      {"an owner with an empty label", "a..b A 192.0.2.1\n", 1, "a..b is no name"},
      {"an owner with a bare $", "*.$a A 192.0.2.1\n", 1, "*.$a is no name"},
      {"an owner with a wrong escape", "a\\300 A 192.0.2.1\n", 1, "is no name"},
      {"an owner with a value", "a=\"b\" A 192.0.2.1\n", 1, "is no name"},
      {"half an octet", "d DS 1 8 2 ABC\n", 1, "odd number"},
      {"a port out of range", "s SRV 0 0 70000 ns1\n", 1, "from 0 to 65535"},
      {"a place out of range", "l LOC 99 N 200 W 10\n", 1, "out of range"},
      {"an open parenthesis", "t TXT ( \"a\"\nx A 192.0.2.2\ny A 192.0.2.3\n", 1, "not closed"},
      {"NUL octets", std::string("www A 192.0.2.2\n\0\0\0\0\n", 21), 2, "NUL octet"},
      {"a record over several lines is at its first", "a A 192.0.2.1\nb (\n MX\n 1\n )\n", 2,
       "a field is missing"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const auto result = dns::parse_zone_text(head + row.lines, zone, "a.zone");
    REQUIRE_FALSE(result.has_value());
    CAPTURE(result.error().message);
    CHECK(result.error().file == "a.zone");
    CHECK(result.error().line == row.line + 5);
    CHECK(result.error().message.find(row.says) != std::string::npos);
  }
}

TEST_CASE("a line that begins with a space needs a record before it") {
  CHECK(read(" A 192.0.2.1\n").starts_with("line 1: the line begins with a space"));
}

TEST_CASE("an error is written with the file and the line, where there are any") {
  CHECK(dns::ZoneFileError{"a", 3, "wrong"}.to_string() == "a:3: wrong");
  CHECK(dns::ZoneFileError{"a", 0, "wrong"}.to_string() == "a: wrong");
  CHECK(dns::ZoneFileError{"", 3, "wrong"}.to_string() == "line 3: wrong");
}

TEST_CASE("without $TTL: the last TTL that was given, before the first one the MINIMUM") {
  const std::string soa = "@ SOA ns1 host 1 3600 600 604800 77\n";
  const auto given = dns::parse_zone_text(
      "@ 7200 SOA ns1 host 1 3600 600 604800 300\n@ NS ns1\nns1 60 A 192.0.2.1\na A 192.0.2.2\n"
      "$TTL 5\nb A 192.0.2.3\n",
      zone);
  REQUIRE(given);
  std::vector<std::uint32_t> ttls;
  for (const auto& record : given->records) ttls.push_back(record.ttl.seconds);
  CHECK(ttls == std::vector<std::uint32_t>{7200, 7200, 60, 60, 5});
  REQUIRE(given->warnings.size() == 1);  // for the whole file
  CHECK(given->warnings[0].place.line == 2);
  CHECK(given->warnings[0].message.starts_with("no TTL is given"));

  const auto minimum =
      dns::parse_zone_text("a A 192.0.2.1\n" + soa + "b A 192.0.2.1\nc 9 A 192.0.2.1\n", zone);
  REQUIRE(minimum);
  ttls.clear();
  for (const auto& record : minimum->records) ttls.push_back(record.ttl.seconds);
  CHECK(ttls == std::vector<std::uint32_t>{77, 77, 77, 9});
  CHECK(minimum->warnings.size() == 1);

  CHECK(dns::parse_zone_text("$TTL 3\n" + soa, zone)->warnings.empty());
  CHECK(dns::parse_zone_text("a 3 A 192.0.2.1\n", zone)->warnings.empty());
}

TEST_CASE("a record outside the zone is skipped with a warning, a wrong one is still an error") {
  const auto result =
      dns::parse_zone_text(head + "a.example.net. A 192.0.2.1\nb A 192.0.2.2\n", zone);
  REQUIRE(result);
  CHECK(result->records.size() == 4);
  REQUIRE(result->warnings.size() == 1);
  CHECK(result->warnings[0].place.line == 6);
  CHECK(result->warnings[0].message ==
        "a.example.net. A: is outside the zone example.test.; it is skipped");
  CHECK_FALSE(dns::parse_zone_text(head + "a.example.net. A 192.0.2\n", zone));
}

TEST_CASE("$INCLUDE reads another file, and what follows is as if it had not been there") {
  const Folder folder;
  folder.put("zone",
             "$TTL 300\nwww A 192.0.2.1\n$INCLUDE sub/one\n A 192.0.2.2\n"
             "$INCLUDE \"sub/one\" other\nx A 192.0.2.3\n");
  folder.put("sub/one", "$include two\na A 192.0.2.8\n$ORIGIN deep\nb A 192.0.2.9\n");
  folder.put("sub/two", "two A 192.0.2.7\n");
  CHECK(folder.read() ==
        "www.example.test. 300 IN A 192.0.2.1\n"
        "two.example.test. 300 IN A 192.0.2.7\n"
        "a.example.test. 300 IN A 192.0.2.8\n"
        "b.deep.example.test. 300 IN A 192.0.2.9\n"
        "www.example.test. 300 IN A 192.0.2.2\n"
        "two.other.example.test. 300 IN A 192.0.2.7\n"
        "a.other.example.test. 300 IN A 192.0.2.8\n"
        "b.deep.other.example.test. 300 IN A 192.0.2.9\n"
        "x.example.test. 300 IN A 192.0.2.3\n");

  const auto result = dns::read_zone_file(folder.path("zone"), zone);
  REQUIRE(result);
  CHECK(result->files.size() == 5);
  const dns::ZonePlace two = result->records[1].place;
  CHECK(result->files[two.file] == folder.path("sub/two"));
  CHECK(two.line == 1);
  CHECK(result->records[8].place.file == 0);
  CHECK(result->records[8].place.line == 6);
}

TEST_CASE("what is wrong in an included file, or with including it, is told where it stands") {
  const Folder folder;
  folder.put("outside", "a A 192.0.2.1\n");
  folder.put("zones/wrong", "\na A 192.0.2\n");
  folder.put("zones/one", "$INCLUDE two\n");
  folder.put("zones/two", "$INCLUDE ../zones/one\n");
  folder.put("zones/self", "$INCLUDE self\n");
  folder.put("zones/blank", " A 192.0.2.1\n");
  std::filesystem::create_symlink("../outside", folder.path("zones/link"));
  std::filesystem::create_directory_symlink("..", folder.path("zones/up"));
  for (int i = 1; i <= 11; ++i)
    folder.put("zones/deep" + std::to_string(i), "$INCLUDE deep" + std::to_string(i + 1) + "\n");
  folder.put("zones/deep11", "a 1 A 192.0.2.1\n");
  folder.put("zones/many", "a 1 A 192.0.2.1\n");
  std::string many;
  for (int i = 0; i <= 1000; ++i) many += "$INCLUDE many\n";
  const struct {
    std::string what;
    std::string text, says;
  } rows[] = {
      {"a wrong record", "\n$INCLUDE wrong\n", "zones/wrong:2: a.example.test. A: 192.0.2 is no"},
      {"no such file", "\n$INCLUDE nothing\n", "zone:2: "},
      {"no such file, and why", "$INCLUDE nothing\n", "nothing cannot be read: No such file"},
      {"a folder", "$INCLUDE .\n", "zone:1: "},
      {"no file", "$INCLUDE\n", "zone:1: behind $INCLUDE"},
      {"three words", "$INCLUDE a b c\n", "zone:1: behind $INCLUDE"},
      {"a wrong origin", "$INCLUDE two a..b\n", "a..b is no name"},
      {"an origin with $", "$INCLUDE two $a\n", "$a is no name"},
      {"the folder above", "$INCLUDE ../outside\n", "is outside"},
      {"an absolute path", "$INCLUDE /etc/hostname\n", "is outside"},
      {"a link that leads outside", "$INCLUDE link\n", "is outside"},
      {"a folder that leads outside", "$INCLUDE up/outside\n", "is outside"},
      {"itself", "$INCLUDE self\n", "zones/self:1: the file includes itself"},
      {"the zone file", "$INCLUDE zone\n", "zone:1: the file includes itself"},
      {"a loop", "$INCLUDE one\n", "zones/two:1: the file includes itself: "},
      {"eleven files deep", "$INCLUDE deep1\n", "zones/deep10:1: $INCLUDE goes 11 files deep"},
      {"very many files", many, "more than 1000 files"},
      {"no owner at its begin", "$INCLUDE blank\n", "zones/blank:1: the line begins"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    folder.put("zones/zone", row.text);
    const auto result = dns::read_zone_file(folder.path("zones/zone"), zone);
    REQUIRE_FALSE(result.has_value());
    const std::string error = result.error().to_string();
    CAPTURE(error);
    CHECK(error.find(row.says) != std::string::npos);
    CHECK(result.error().line > 0);
  }
  folder.put("zones/zone", "$INCLUDE deep2\n");
  CHECK(dns::read_zone_file(folder.path("zones/zone"), zone));
}

TEST_CASE("a zone file that is a link includes what stands beside the link") {
  const Folder folder;
  folder.put("there/file", "$INCLUDE one\n");
  folder.put("one", "a 1 A 192.0.2.1\n");
  std::filesystem::create_symlink("there/file", folder.path("zone"));
  CHECK(folder.read() == "a.example.test. 1 IN A 192.0.2.1\n");
}

TEST_CASE("a loop of files is named from file to file") {
  const Folder folder;
  folder.put("zone", "$INCLUDE one\n");
  folder.put("one", "$INCLUDE two\n");
  folder.put("two", "$INCLUDE one\n");
  CHECK(folder.read() ==
        "two:1: the file includes itself: one, which includes two, which includes one");
}

TEST_CASE("a zone file that is not there is named") {
  const auto result = dns::read_zone_file("/nowhere/zone", zone);
  REQUIRE_FALSE(result);
  CHECK(result.error().to_string() == "/nowhere/zone: cannot be read: No such file or directory");
}
