#include "dns/reply.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Packet = std::vector<std::uint8_t>;

/// Octets from hex digits. Spaces, line ends and the rest of a line after ';' are ignored.
Packet octets(std::string_view text) {
  Packet packet;
  std::string digits;
  bool comment = false;
  for (const char c : text) {
    if (c == ';') comment = true;
    if (c == '\n') comment = false;
    if (comment || c == ' ' || c == '\n') continue;
    digits += c;
    if (digits.size() == 2) {
      packet.push_back(static_cast<std::uint8_t>(std::stoul(digits, nullptr, 16)));
      digits.clear();
    }
  }
  REQUIRE(digits.empty());
  return packet;
}

Packet operator+(Packet a, const Packet& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

dns::Name name(std::string_view text) {
  const auto parsed = dns::Name::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

// a.z SRV: header with the counts given, then the question at offset 12.
Packet srv_reply(std::string_view counts) {
  return octets("1234 8180 0001" + std::string(counts)) + octets("0161 017a 00 0021 0001");
}

// The reply to the updater's question: SRV with its target's address, then EDNS.
Packet whole_reply() {
  return srv_reply("0001 0000 0002") + octets(R"(
  c00c 0021 0001 00000001 000a   ; a.z 1 IN SRV, 10 octets
  000a 0000 ca6c 0162 c00c       ; 10 0 51820 b.a.z, the target compressed
  0162 c00c 0001 0001 00000001 0004 cb00710a  ; b.a.z 1 IN A 203.0.113.10
  00 0029 04d0 00000000 0000     ; OPT, 1232 octets
)");
}

}  // namespace

TEST_CASE("a reply with SRV, its address and EDNS is read") {
  const Packet whole = whole_reply();
  const auto reply = dns::parse_reply(whole, name("a.z."), dns::RrType::srv);
  REQUIRE(reply);
  CHECK(reply->rcode == dns::Rcode::noerror);
  CHECK(!reply->truncated);
  REQUIRE(reply->answer.size() == 1);
  CHECK(reply->answer[0].owner == name("a.z."));
  CHECK(reply->answer[0].ttl == dns::Ttl{1});
  const auto& srv = std::get<dns::SrvRecord>(reply->answer[0].data);
  CHECK(srv.priority == 10);
  CHECK(srv.port == base::Port{51820});
  CHECK(srv.target == name("b.a.z."));
  REQUIRE(reply->additional.size() == 1);
  CHECK(reply->additional[0].owner == name("b.a.z."));
  CHECK(std::get<base::IpAddress>(reply->additional[0].data).to_string() == "203.0.113.10");
}

TEST_CASE("a reply is refused when it is one octet short at any length, or one too long") {
  const Packet whole = whole_reply();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const auto reply =
        dns::parse_reply(base::Bytes(whole).first(size), name("a.z."), dns::RrType::srv);
    REQUIRE(!reply);
    const auto expected = size < 12   ? dns::ReplyError::too_short
                          : size < 21 ? dns::ReplyError::wrong_question
                                      : dns::ReplyError::malformed;
    CHECK(reply.error() == expected);
  }
  const auto reply = dns::parse_reply(whole + octets("00"), name("a.z."), dns::RrType::srv);
  REQUIRE(!reply);
  CHECK(reply.error() == dns::ReplyError::malformed);
}

TEST_CASE("a reply counts only for the question that was asked") {
  const Packet whole = whole_reply();
  const struct {
    std::string what;
    std::string_view asked;
    dns::RrType type;
    bool taken;
  } rows[] = {
      {"as asked", "a.z.", dns::RrType::srv, true},
      {"in another case", "A.Z.", dns::RrType::srv, true},
      {"another name", "b.z.", dns::RrType::srv, false},
      {"another type", "a.z.", dns::RrType::txt, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const auto reply = dns::parse_reply(whole, name(row.asked), row.type);
    CHECK(reply.has_value() == row.taken);
    if (!reply) CHECK(reply.error() == dns::ReplyError::wrong_question);
  }
}

TEST_CASE("what the header says is a reply, or why it is not one") {
  using dns::ReplyError;
  const struct {
    std::string what;
    Packet packet;
    std::optional<ReplyError> error;
  } rows[] = {
      {"a query", octets("1234 0100 0001 0000 0000 0000 0161 017a 00 0021 0001"),
       ReplyError::not_a_reply},
      {"a NOTIFY reply", octets("1234 a000 0001 0000 0000 0000 0161 017a 00 0021 0001"),
       ReplyError::not_a_reply},
      {"no question", octets("1234 8180 0000 0000 0000 0000"), ReplyError::wrong_question},
      {"two questions",
       octets("1234 8180 0002 0000 0000 0000 0161 017a 00 0021 0001 0161 017a 00 0021 0001"),
       ReplyError::wrong_question},
      {"another class", octets("1234 8180 0001 0000 0000 0000 0161 017a 00 0021 0003"),
       ReplyError::wrong_question},
      {"the shortest", srv_reply("0000 0000 0000"), std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const auto reply = dns::parse_reply(row.packet, name("a.z."), dns::RrType::srv);
    CHECK(reply.has_value() == !row.error);
    if (!reply && row.error) CHECK(reply.error() == *row.error);
  }
}

TEST_CASE("the response code has its upper bits in OPT") {
  const Packet nxdomain = octets("1234 8183 0001 0000 0000 0000 0161 017a 00 0021 0001");
  CHECK(dns::parse_reply(nxdomain, name("a.z."), dns::RrType::srv)->rcode == dns::Rcode::nxdomain);
  const Packet badvers = srv_reply("0000 0000 0001") + octets("00 0029 04d0 01000000 0000");
  CHECK(dns::parse_reply(badvers, name("a.z."), dns::RrType::srv)->rcode == dns::Rcode::badvers);
}

TEST_CASE("a truncated reply gives no records") {
  const Packet cut = octets("1234 8380 0001 0001 0000 0000 0161 017a 00 0021 0001 c00c 00");
  const auto reply = dns::parse_reply(cut, name("a.z."), dns::RrType::srv);
  REQUIRE(reply);
  CHECK(reply->truncated);
  CHECK(reply->answer.empty());
}

TEST_CASE(
    "a record that is well-formed is read, skipped when it is not of ours, and one that is not "
    "makes the reply malformed") {
  enum class Outcome { read, skipped, malformed };
  std::string long_name;  // four labels of 63 and the root: 257 octets
  for (int label = 0; label < 4; ++label) {
    long_name += "3f";
    for (int i = 0; i < 63; ++i) long_name += "61";
  }
  const struct {
    std::string what;
    std::string record;
    Outcome outcome;
  } rows[] = {
      {"A", "c00c 0001 0001 00000001 0004 cb00710a", Outcome::read},
      {"A of 3 octets", "c00c 0001 0001 00000001 0003 cb0071", Outcome::malformed},
      {"A of 5 octets", "c00c 0001 0001 00000001 0005 cb00710a00", Outcome::malformed},
      {"A of 16 octets", "c00c 0001 0001 00000001 0010 20010db8000000000000000000000001",
       Outcome::malformed},
      {"AAAA", "c00c 001c 0001 00000001 0010 20010db8000000000000000000000001", Outcome::read},
      {"AAAA of 15 octets", "c00c 001c 0001 00000001 000f 20010db80000000000000000000000",
       Outcome::malformed},
      {"AAAA of 4 octets", "c00c 001c 0001 00000001 0004 cb00710a", Outcome::malformed},
      {"A of class CH", "c00c 0001 0003 00000001 0004 cb00710a", Outcome::skipped},
      {"no data", "c00c 0001 0001 00000001 0000", Outcome::malformed},
      {"data beyond the end", "c00c 0001 0001 00000001 0005 cb00710a", Outcome::malformed},
      {"SRV", "c00c 0021 0001 00000001 0007 000a 0000 ca6c 00", Outcome::read},
      {"SRV without a target", "c00c 0021 0001 00000001 0006 000a 0000 ca6c", Outcome::malformed},
      {"SRV with an octet behind the target", "c00c 0021 0001 00000001 0008 000a 0000 ca6c 00 00",
       Outcome::malformed},
      {"SRV target runs out of the data", "c00c 0021 0001 00000001 0008 000a 0000 ca6c 0161",
       Outcome::malformed},
      {"CNAME", "c00c 0005 0001 00000001 0002 c00e", Outcome::read},
      {"CNAME with an octet behind", "c00c 0005 0001 00000001 0003 c00e 00", Outcome::malformed},
      {"PTR", "c00c 000c 0001 00000001 0003 0162 00", Outcome::read},
      {"TXT", "c00c 0010 0001 00000001 0005 0161 00 0162", Outcome::read},
      {"TXT without a string", "c00c 0010 0001 00000001 0000", Outcome::malformed},
      {"TXT string beyond the data", "c00c 0010 0001 00000001 0002 0261", Outcome::malformed},
      {"MX", "c00c 000f 0001 00000001 0003 000a00", Outcome::skipped},
      {"TYPE65280", "c00c ff00 0001 00000001 0000", Outcome::skipped},
      {"OPT outside the additional section", "00 0029 04d0 00000000 0000", Outcome::malformed},
      {"owner points to itself", "c015 0001 0001 00000001 0004 cb00710a", Outcome::malformed},
      {"owner points forward", "c017 0001 0001 00000001 0004 cb00710a", Outcome::malformed},
      {"owner points into the header", "c000 0001 0001 00000001 0004 cb00710a", Outcome::malformed},
      {"owner loops", "0161 c015 0001 0001 00000001 0004 cb00710a", Outcome::malformed},
      {"owner with an extended label type", "41 00 0001 0001 00000001 0004 cb00710a",
       Outcome::malformed},
      {"owner of 257 octets", long_name + "00 0001 0001 00000001 0004 cb00710a",
       Outcome::malformed},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const auto reply = dns::parse_reply(srv_reply("0001 0000 0000") + octets(row.record),
                                        name("a.z."), dns::RrType::srv);
    CHECK(reply.has_value() == (row.outcome != Outcome::malformed));
    if (reply) CHECK(reply->answer.size() == (row.outcome == Outcome::read ? 1 : 0));
  }
}

TEST_CASE("two OPT records, and one that is not the root's, are malformed") {
  CHECK(!dns::parse_reply(
      srv_reply("0000 0000 0002") + octets("00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000"),
      name("a.z."), dns::RrType::srv));
  CHECK(!dns::parse_reply(srv_reply("0000 0000 0001") + octets("c00c 0029 04d0 00000000 0000"),
                          name("a.z."), dns::RrType::srv));
}

TEST_CASE("a TTL with its highest bit set is zero") {
  const auto reply = dns::parse_reply(
      srv_reply("0001 0000 0000") + octets("c00c 0001 0001 80000000 0004 cb00710a"), name("a.z."),
      dns::RrType::srv);
  REQUIRE(reply);
  CHECK(reply->answer.at(0).ttl == dns::Ttl{0});
}

TEST_CASE("a long chain of pointers is refused before it costs anything") {
  Packet packet = srv_reply("0002 0000 0000") + octets("c00c ff00 0001 00000000 0040");
  const std::size_t start = packet.size();
  for (std::size_t i = 0; i < 32; ++i) {  // 32 pointers, each to the one before
    const std::size_t target = i == 0 ? 12 : start + 2 * (i - 1);
    packet.push_back(static_cast<std::uint8_t>(0xc0U | (target >> 8U)));
    packet.push_back(static_cast<std::uint8_t>(target));
  }
  const auto pointing_at = [&](std::size_t index) {
    const std::size_t target = start + 2 * index;
    return packet +
           Packet{static_cast<std::uint8_t>(0xc0U | (target >> 8U)),
                  static_cast<std::uint8_t>(target)} +
           octets("0001 0001 00000001 0004 cb00710a");
  };
  CHECK(dns::parse_reply(pointing_at(3), name("a.z."), dns::RrType::srv));
  CHECK(!dns::parse_reply(pointing_at(31), name("a.z."), dns::RrType::srv));
}

TEST_CASE("the largest packet of the smallest records is read") {
  Packet packet = srv_reply("1550 0000 0000");  // 5456 records
  const Packet record = octets("c00c ff00 0001 00000000 0000");
  for (int i = 0; i < 0x1550; ++i) packet = std::move(packet) + record;
  REQUIRE(packet.size() <= 65535);
  CHECK(dns::parse_reply(packet, name("a.z."), dns::RrType::srv));
}

TEST_CASE("a referral is read: NS in the authority section, its glue, and the SOA of a denial") {
  const Packet referral =
      octets("1234 8000 0001 0000 0001 0001  0161 017a 00 0002 0001") + octets(R"(
  c00c 0002 0001 00000e10 0006   ; a.z 3600 IN NS, 6 octets
  036e7331 c00c                  ; ns1.a.z, compressed
  036e7331 c00c 0001 0001 00000e10 0004 cb00710a  ; ns1.a.z 3600 IN A 203.0.113.10
)");
  const auto read = dns::parse_reply(referral, name("a.z."), dns::RrType::ns);
  REQUIRE(read);
  CHECK_FALSE(read->authoritative);
  CHECK(read->answer.empty());
  REQUIRE(read->authority.size() == 1);
  CHECK(read->authority[0].type == dns::RrType::ns);
  CHECK(std::get<dns::Name>(read->authority[0].data) == name("ns1.a.z."));
  REQUIRE(read->additional.size() == 1);

  const std::string soa = R"(
  c00e 0006 0001 00000001 001a   ; z 1 IN SOA, 26 octets
  c00e 0168 c00e                 ; z h.z
  0000002a 00000002 00000003 00000004 00000005
)";
  const Packet denial =
      octets("1234 8403 0001 0000 0001 0000  0161 017a 00 0002 0001") + octets(soa);
  const auto denied = dns::parse_reply(denial, name("a.z."), dns::RrType::ns);
  REQUIRE(denied);
  CHECK(denied->authoritative);
  CHECK(denied->rcode == dns::Rcode::nxdomain);
  REQUIRE(denied->authority.size() == 1);
  CHECK(std::get<dns::SoaRecord>(denied->authority[0].data).serial == 42);
  CHECK(std::get<dns::SoaRecord>(denied->authority[0].data).primary == name("z."));
  // The data is one octet shorter, or longer, than its length says.
  for (const char* length : {"0019", "001b"}) {
    std::string wrong = soa;
    wrong.replace(wrong.find("001a"), 4, length);
    CHECK_FALSE(dns::parse_reply(octets("1234 8403 0001 0000 0001 0000  0161 017a 00 0002 0001") +
                                     octets(wrong) + octets("00"),
                                 name("a.z."), dns::RrType::ns));
  }
}
