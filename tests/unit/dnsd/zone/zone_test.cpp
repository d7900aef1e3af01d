#include "dnsd/zone/zone.hpp"
#include "dnsd/settings/view.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>

#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

struct Verdict {
  std::size_t line;
  std::string message;  // empty: accepted
  std::vector<dns::ZoneNote> warnings;
};

/// The verdict on a zone file whose first two lines are SOA and NS, followed by `records`.
Verdict load(const std::string& records) {
  AnswerFixture server;
  const std::string text = "@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns.example.net.\n" + records;
  const auto parsed = dns::parse_zone_text(text, server.options.apex);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().message));
  const auto zone =
      dnsd::Zone::make(server.options, parsed->records, {{"alice", AnswerFixture::key(1)}},
                       server.peers, *server.live);
  if (zone) return {0, "", zone->warnings()};
  return {zone.error().place.line, zone.error().message, {}};
}

}  // namespace

TEST_CASE("static records that a zone refuses, with their line") {
  const std::string k = schema::key_label(AnswerFixture::key(1));
  struct Row {
    std::string records;
    std::size_t line;
    std::string says;
  };
  std::string long_chain = "end A 192.0.2.1\n";  // c17 is the only one that leads too far
  for (int i = 17; i >= 1; --i)
    long_chain += "c" + std::to_string(i) + " CNAME " +
                  (i > 1 ? "c" + std::to_string(i - 1) : std::string("end")) + "\n";
  std::string many;
  for (int i = 0; i < 300; ++i)
    many += "x TXT \"" + std::to_string(i) + std::string(210, 'x') + "\"\n";
  const std::vector<Row> rows = {
      {k + " A 192.0.2.1\n", 3, "a peer's name"},
      {"x\tA 192.0.2.1\ny." + k + " A 192.0.2.1\n", 4, "a peer's name"},
      {k + "\\=\\=\\=\\= A 192.0.2.1\n", 3, "a peer's name"},
      {k + "._wireguard._udp TXT a\n", 3, "a peer's name"},
      {"_wireguard._udp TXT a\n", 3, "made by the server"},
      {"*._wireguard._udp TXT a\n", 3, "invent peers"},
      {"x.*._wireguard._udp TXT a\n", 3, "invent peers"},
      {"alice A 192.0.2.1\n", 3, "the peer named alice"},
      {"x.ALICE A 192.0.2.1\n", 3, "the peer named ALICE"},
      {"alice._wireguard._udp TXT a\n", 3, "the peer named alice"},
      {"_udp NS ns1\n", 3, "delegate"},
      {"www DNAME example.net.\n", 3, "DNAME"},
      {"@ DNAME example.net.\n", 3, "DNAME"},
      {"@ SOA ns1 hostmaster 9 2 3 4 5\n", 3, "one SOA"},
      {"x SOA ns1 hostmaster 9 2 3 4 5\n", 3, "only the apex"},
      {"x CNAME y\nx A 192.0.2.1\n", 3, "no other records beside it"},
      {"x A 192.0.2.1\nx CNAME y\n", 4, "no other records beside it"},
      {"x CNAME y\nx CNAME z\n", 4, "one CNAME"},
      {"x CNAME y\nX CNAME Z\n", 4, "one CNAME"},
      {long_chain, 4, "chain of more than 16"},
      {"x DS 1 8 1 0123456789012345678901234567890123456789\n", 3, "beside the NS"},
      {"@ DS 1 8 1 0123456789012345678901234567890123456789\n", 3, "into its parent"},
      {"y A 192.0.2.1\n" + many, 4, "longer than any message"},
      {"_services._dns-sd._udp CNAME x\n", 3, "taken by"},
      {"* NS ns1\n", 3, "wildcard cannot be delegated"},
      {"@ NS ns1\n", 3, "ns1.wg.example.org. has no address here"},
      {"@ NS ns1\nns1 A 192.0.2.1\n@ NS ns2\nns2 TXT a\n", 5, "ns2.wg.example.org. has no"},
      {"@ NS ns1.example.net\n", 3, "did you mean ns1.example.net. with a dot at its end?"},
      {"@ NS x._udp\n", 3, "x._udp.wg.example.org. has no address here"},
      {"@ NS @\n", 3, "wg.example.org. has no address here"},
      {"@ NS ns1\nns1 CNAME x\nx A 192.0.2.1\n", 3, "has no address here"},
      {"@ NS ns1\n* CNAME x\nx A 192.0.2.1\n", 3, "has no address here"},
      {"@ NS a.b\nb A 192.0.2.1\n* A 192.0.2.1\n", 3, "has no address here"},
      {"@ NS b\na.b A 192.0.2.1\n* A 192.0.2.1\n", 3, "has no address here"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.records);
    const Verdict verdict = load(row.records);
    CHECK(verdict.line == row.line);
    CAPTURE(verdict.message);
    CHECK(verdict.message.find(row.says) != std::string::npos);
  }
}

TEST_CASE("static records that are merged") {
  for (const std::string records :
       {"www A 192.0.2.1\n", "_udp TXT a\n", "x._udp TXT a\n",
        "_services._dns-sd._udp PTR _http._tcp\n", "zoe._wireguard._udp TXT a\n",
        "child NS ns.child\nns.child A 192.0.2.1\n", "www A 192.0.2.1\nwww A 192.0.2.1\n",
        "y A 192.0.2.1\nx CNAME y\nx CNAME Y\n", "y A 192.0.2.1\nx MX 1 y\nx MX 1 Y\n",
        "@ SOA NS1 hostMaster 1 2 3 4 5\n",
        "ns1 A 192.0.2.1\nchild NS ns1\nchild DS 1 8 1 0123456789012345678901234567890123456789\n",
        "*.sub A 192.0.2.1\n", "@ NS ns1\nNS1 AAAA 2001:db8::1\n", "@ NS @\n@ A 192.0.2.1\n",
        "@ NS a.b.sub\n*.sub A 192.0.2.1\n", "@ NS x.child\nchild NS ns.example.net.\n",
        "@ NS alice\n"}) {
    CAPTURE(records);
    const Verdict verdict = load(records);
    CHECK(verdict.message.empty());
    CHECK(verdict.warnings.empty());
  }
}

TEST_CASE("targets inside the zone that are there, or that only others can judge") {
  const std::string k = schema::key_label(AnswerFixture::key(1));
  for (const std::string& records : std::initializer_list<std::string>{
           "@ MX 0 .\n_sip._tcp SRV 0 0 0 .\n",
           "@ MX 1 mail.example.net.\n_sip._tcp SRV 0 0 5060 sip.example.org.\n",
           "x CNAME y.example.org.\nchild NS ns.example.org.\n",
           "x CNAME @\n@ MX 1 @\n@ A 192.0.2.1\n",
           "x CNAME y\ny TXT a\n",
           "x MX 1 mail.wg.example.org\nmail.wg.example.org A 192.0.2.1\n",
           "x CNAME y\na.y TXT a\n",  // an empty non-terminal
           "@ MX 1 y\ny CNAME z.example.net.\n",
           "_sip._tcp SRV 0 0 5060 y\ny AAAA 2001:db8::1\n",
           "@ MX 1 a.b.sub\n*.sub A 192.0.2.1\nx CNAME c.sub\n",
           "@ MX 1 mail.example.net.sub\n*.sub CNAME x\nx A 192.0.2.1\n",
           // Below a delegation.
           "child NS ns.child\n@ MX 1 mail.child\nx CNAME y.child\n_a._tcp SRV 0 0 1 child\n",
           "child NS ns.other\nother NS ns.example.net.\n",
           // Names that the server makes.
           "x CNAME alice\n_a._tcp SRV 0 0 1 alice\n@ MX 1 " + k + "\n",
           "x CNAME _wireguard._udp\ny CNAME _wireguard._udp." + k + "\nz CNAME _udp\n",
       }) {
    CAPTURE(records);
    const Verdict verdict = load(records);
    CHECK(verdict.message.empty());
    CAPTURE(verdict.warnings.empty() ? "" : verdict.warnings.front().message);
    CHECK(verdict.warnings.empty());
  }
}

TEST_CASE("a target inside the zone that is not there is told, with the dot that is forgotten") {
  struct Row {
    std::string records;
    std::size_t line;
    std::string says;
  };
  const std::string mean = "did you mean mail.example.org. with a dot at its end? If not, give it ";
  const std::string address = "give it an A or AAAA record, or, if it stands elsewhere, a dot";
  const Row rows[] = {
      {"x MX 1 mail.example.org\n", 3,
       "x.wg.example.org. MX: mail.example.org.wg.example.org. has no address here; " + mean +
           "an A or AAAA record"},
      {"x MX 1 y\nx MX 2 mail.example.org\ny A 192.0.2.1\n", 4, mean},
      {"_sip._tcp SRV 0 0 5060 mail.example.org\n", 3,
       "SRV: mail.example.org.wg.example.org. has no address here; " + mean},
      {"child NS mail.example.org\n", 3,
       "child.wg.example.org. NS: mail.example.org.wg.example.org. has no address here; " + mean},
      {"x CNAME mail.example.org\n", 3,
       "CNAME: mail.example.org.wg.example.org. is not in the zone; " + mean + "a record"},
      {"@ MX 1 y\n", 3, "MX: y.wg.example.org. has no address here; " + address},
      {"@ MX 1 y\ny TXT a\n", 3, "MX: y.wg.example.org. has no address here; " + address},
      {"@ MX 1 @\n", 3, "MX: wg.example.org. has no address here; " + address},
      {"child NS y\ny CNAME z.example.net.\n", 3, "y.wg.example.org. has no address here"},
      {"x CNAME y\n", 3, "is not in the zone; give it a record, or, if it stands elsewhere"},
      // The origin of the line, not the zone's.
      {"a.sub TXT a\n$ORIGIN sub\nx MX 1 mail.example.org\n", 5,
       "mail.example.org.sub.wg.example.org. has no address here; " + mean},
      // The name of the zone twice, whatever a wildcard says.
      {"x MX 1 mail.wg.example.org\n", 3,
       "mail.wg.example.org.wg.example.org. has no address here; did you mean "
       "mail.wg.example.org. with a dot"},
      {"*.org TXT a\nx MX 1 mail.wg.example.org\n", 4, "did you mean mail.wg.example.org. with"},
      {"*.org A 192.0.2.1\nx MX 1 mail.WG.example.org\n", 4,
       "mail.WG.example.org.wg.example.org. has the zone's name twice; did you mean "
       "mail.WG.example.org. with a dot"},
      {"*.org A 192.0.2.1\n@ NS mail.wg.example.org\n", 4, "has the zone's name twice"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.records);
    const Verdict verdict = load(row.records);
    CHECK(verdict.message.empty());
    REQUIRE(verdict.warnings.size() == 1);
    CHECK(verdict.warnings[0].place.line == row.line);
    CAPTURE(verdict.warnings[0].message);
    CHECK(verdict.warnings[0].message.find(row.says) != std::string::npos);
  }
}

TEST_CASE("what is loaded as it is, and told to the operator once") {
  struct Row {
    std::string records;
    std::vector<std::pair<std::size_t, std::string>> warnings;
  };
  const Row rows[] = {
      {"* A 192.0.2.1\n* TXT a\n", {{3, "*.wg.example.org. also answers for keys"}}},
      {"x CNAME x\n", {{3, "x.wg.example.org. CNAME: leads into a loop"}}},
      {"a CNAME x\nx CNAME y\ny CNAME x\nv CNAME w\nw CNAME v\n",
       {{3, "a.wg.example.org. CNAME: leads into"}, {6, "v.wg.example.org. CNAME: leads into"}}},
      {"child NS ns.child\nchild TXT a\n", {{4, "child.wg.example.org. TXT: is hidden by"}}},
      {"x.child TXT a\nx.child TXT b\nchild NS ns.child\nns.child A 192.0.2.1\n",
       {{3, "x.child.wg.example.org. TXT: is hidden by the delegation of child"}}},
      {"child NS ns.child\nx.child CNAME x.child\ny.child NS ns1\n",
       {{4, "x.child.wg.example.org. CNAME: is hidden"}, {5, "y.child.wg.example.org. NS: is"}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.records);
    const Verdict verdict = load(row.records);
    CHECK(verdict.message.empty());
    REQUIRE(verdict.warnings.size() == row.warnings.size());
    for (std::size_t i = 0; i < row.warnings.size(); ++i) {
      CHECK(verdict.warnings[i].place.line == row.warnings[i].first);
      CHECK(verdict.warnings[i].message.starts_with(row.warnings[i].second));
    }
  }
}

TEST_CASE("a zone needs SOA and NS, and a name that leaves room") {
  AnswerFixture server;
  const auto make = [&](const std::string& text) {
    const auto parsed = dns::parse_zone_text(text, server.options.apex);
    REQUIRE(parsed.has_value());
    const auto zone =
        dnsd::Zone::make(server.options, parsed->records, {}, server.peers, *server.live);
    return zone ? std::string() : zone.error().message;
  };
  CHECK(make("@ NS ns1\n").find("no SOA") != std::string::npos);
  CHECK(make("@ SOA ns1 hostmaster 1 2 3 4 5\n").find("no NS") != std::string::npos);
  CHECK(make("").find("no SOA") != std::string::npos);
  std::string text = "org.";
  while (text.size() < schema::max_zone_octets) text = "a." + text;
  server.options.apex = *dns::Name::parse(text);
  CHECK(make("@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\n").find("octets long") !=
        std::string::npos);
}

TEST_CASE("endpoints by view") {
  using dnsd::View;
  struct Row {
    const char* endpoint;
    bool to_public, to_private, to_public_by_choice;
  };
  for (const Row& row :
       {Row{"203.0.113.1:1", true, true, true}, Row{"[2001:db8::1]:1", true, true, true},
        Row{"10.1.2.3:1", false, true, true}, Row{"100.64.0.1:1", false, true, true},
        Row{"[fd00::1]:1", false, true, true}, Row{"127.0.0.1:1", false, false, false},
        Row{"169.254.1.1:1", false, false, false}, Row{"[fe80::1]:1", false, false, false},
        Row{"224.0.0.1:1", false, false, false}}) {
    CAPTURE(row.endpoint);
    const auto endpoint = *base::Endpoint::parse(row.endpoint);
    CHECK(dnsd::is_published(endpoint, View::public_view, false) == row.to_public);
    CHECK(dnsd::is_published(endpoint, View::private_view, false) == row.to_private);
    CHECK(dnsd::is_published(endpoint, View::public_view, true) == row.to_public_by_choice);
  }
}

TEST_CASE("a chain of 16 CNAMEs is followed to its end; a longer one ends there") {
  AnswerFixture server;
  std::string text = "@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns.example.net.\nend A 192.0.2.1\n";
  for (int i = 1; i < 16; ++i)
    text += "c" + std::to_string(i) + " CNAME c" + std::to_string(i + 1) + "\n";
  struct Count final : dns::RecordSink {
    void add(dns::Section section, dns::NameView, dns::RrType, dns::Ttl, base::Bytes) override {
      if (section == dns::Section::answer) ++answers;
    }
    int answers = 0;
  };
  const auto look_up = [&](const std::string& last, Count& count) {
    const auto parsed =
        dns::parse_zone_text(text + "c16 CNAME " + last + "\n", server.options.apex);
    REQUIRE(parsed.has_value());
    const auto zone =
        dnsd::Zone::make(server.options, parsed->records, {{"alice", AnswerFixture::key(1)}},
                         server.peers, *server.live);
    REQUIRE(zone.has_value());
    const dns::Name name = *dns::Name::parse("c1.wg.example.org");
    return zone->lookup(zone->read(name), dns::RrType::a, dnsd::View::private_view, count).outcome;
  };
  Count to_end;
  CHECK(look_up("end", to_end) == dnsd::Outcome::hit);
  CHECK(to_end.answers == 17);
  Count to_peer;  // whose name is a CNAME, too
  CHECK(look_up("alice", to_peer) == dnsd::Outcome::cname);
  CHECK(to_peer.answers == 17);
}

TEST_CASE("of a loop of CNAMEs, each is answered once; of what a delegation hides, nothing") {
  AnswerFixture server;
  const auto parsed = dns::parse_zone_text(
      "@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns.example.net.\na CNAME x\nx CNAME y\ny CNAME x\n"
      "child NS ns1\nz.child CNAME x\n*.child TXT w\nchild TXT t\n",
      server.options.apex);
  REQUIRE(parsed.has_value());
  const auto zone =
      dnsd::Zone::make(server.options, parsed->records, {}, server.peers, *server.live);
  REQUIRE(zone.has_value());
  struct Collect final : dns::RecordSink {
    void add(dns::Section section, dns::NameView owner, dns::RrType, dns::Ttl,
             base::Bytes) override {
      if (section == dns::Section::answer) owners += std::string(owner.first_label_text()) + ' ';
    }
    std::string owners;
  };
  const auto ask = [&](const std::string& name, dns::RrType type) {
    Collect collect;
    const dns::Name asked = *dns::Name::parse(name + ".wg.example.org");
    const auto found = zone->lookup(zone->read(asked), type, dnsd::View::public_view, collect);
    return std::to_string(static_cast<int>(found.outcome)) + ' ' + collect.owners;
  };
  const std::string chain = std::to_string(static_cast<int>(dnsd::Outcome::cname)) + ' ';
  const std::string referral = std::to_string(static_cast<int>(dnsd::Outcome::referral)) + ' ';
  CHECK(ask("x", dns::RrType::a) == chain + "x y ");
  CHECK(ask("X", dns::RrType::a) == chain + "X y ");
  CHECK(ask("y", dns::RrType::a) == chain + "y x ");
  CHECK(ask("a", dns::RrType::a) == chain + "a x y ");
  for (const char* name : {"child", "z.child", "v.child"}) {
    CAPTURE(name);
    CHECK(ask(name, dns::RrType::txt) == referral);
    CHECK(ask(name, dns::RrType::cname) == referral);
  }
}

TEST_CASE("every record of the dump is answered, and no other view's record is in it") {
  AnswerFixture server;
  const auto parsed = dns::parse_zone_text(
      "@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n", server.options.apex);
  REQUIRE(parsed.has_value());
  const auto zone =
      dnsd::Zone::make(server.options, parsed->records, {{"alice", AnswerFixture::key(1)}},
                       server.peers, *server.live);
  REQUIRE(zone.has_value());

  class Collect final : public dns::RecordSink {
   public:
    void add(dns::Section section, dns::NameView owner, dns::RrType type, dns::Ttl ttl,
             base::Bytes rdata) override {
      if (section == dns::Section::answer)
        lines.insert(dns::to_zone_line(dns::Name(owner).lower_case(), ttl, type, rdata));
    }
    std::set<std::string> lines;
  };
  std::array<std::size_t, 2> sizes{};
  for (const auto view : {dnsd::View::public_view, dnsd::View::private_view}) {
    std::size_t count = 0;
    zone->for_each_record(view, [&](dns::NameView owner, dns::RrType type, dns::Ttl ttl,
                                    base::Bytes rdata) {
      const std::string line = dns::to_zone_line(dns::Name(owner).lower_case(), ttl, type, rdata);
      if (count++ == 0) CHECK(type == dns::RrType::soa);
      Collect collect;
      CAPTURE(line);
      CHECK(zone->lookup(zone->read(owner), type, view, collect).outcome == dnsd::Outcome::hit);
      CHECK(collect.lines.contains(line));
    });
    sizes[static_cast<std::size_t>(view)] = count;
  }
  CHECK(sizes[0] > 40);
  CHECK(sizes[1] > sizes[0] + 10);
}
