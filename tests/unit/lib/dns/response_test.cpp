#include "dns/response.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using dns::ExtendedError;
using dns::Rcode;
using dns::ResponseHead;
using dns::ResponseWriter;
using dns::RrType;
using dns::Section;
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

Packet wire(std::string_view text) {
  const dns::Name made = name(text);
  const base::Bytes octets_of_name = made.view().wire();
  return {octets_of_name.begin(), octets_of_name.end()};
}

/// A request, and the octets that it refers to.
struct Query {
  explicit Query(Packet octets_of_request) : packet(std::move(octets_of_request)) {
    const auto parsed = dns::parse_request(packet);
    REQUIRE(parsed);
    REQUIRE(parsed->rcode == Rcode::noerror);
    request = *parsed;
  }
  Packet packet;
  dns::Request request;
};

constexpr std::size_t opt_octets = 11;
constexpr std::size_t error_octets = 6;  // the option EXTENDED-ERROR; its room is always reserved

const std::string_view opt = "00 0029 04d0 00000000 0000";

/// a.z SRV, id 1234, RD set.
Query plain_query() {
  return Query(octets("1234 0100 0001 0000 0000 0000 0161 017a 00 0021 0001"));
}
Query edns_query() {
  return Query(octets("1234 0100 0001 0000 0000 0001 0161 017a 00 0021 0001") + octets(opt));
}
constexpr std::size_t body_start = 12 + 9;  // header and question, the same in both

/// Writes records, then the rest. \param limit the size that the asker accepts.
template <typename AddRecords>
Packet respond(const Query& query, std::size_t limit, const ResponseHead& head,
               AddRecords add_records) {
  Packet out(dns::max_message_octets, 0xee);
  ResponseWriter writer(query.request, limit, out);
  add_records(writer);
  const std::size_t size = writer.finish(head);
  CHECK(size <= limit);
  CHECK(std::all_of(out.begin() + static_cast<std::ptrdiff_t>(limit), out.end(),
                    [](std::uint8_t octet) { return octet == 0xee; }));
  out.resize(size);
  return out;
}

std::size_t word_at(const Packet& packet, std::size_t offset) {
  REQUIRE(packet.size() >= offset + 2);
  return static_cast<std::size_t>(packet[offset]) << 8U | packet[offset + 1];
}

struct Counts {
  std::size_t answer, authority, additional;
  friend bool operator==(const Counts&, const Counts&) = default;
};
Counts counts_of(const Packet& reply) {
  return {word_at(reply, 6), word_at(reply, 8), word_at(reply, 10)};
}
bool is_truncated(const Packet& reply) {
  return (word_at(reply, 2) & 0x0200U) != 0;
}

/// 10 0 51820 b.a.z
Packet srv_rdata() {
  return octets("000a 0000 ca6c") + wire("b.a.z.");
}
const Packet address = {203, 0, 113, 10};
constexpr dns::Ttl ttl{1};

void add_srv(ResponseWriter& writer, const Query& query) {
  writer.add(Section::answer, query.request.name, RrType::srv, ttl, srv_rdata());
}
void add_target(ResponseWriter& writer) {
  writer.add(Section::additional, name("b.a.z."), RrType::a, ttl, address);
}
constexpr std::size_t srv_octets = 2 + 10 + 13;    // pointer, fixed part, data
constexpr std::size_t target_octets = 2 + 10 + 4;  // its owner is a pointer to the SRV target

}  // namespace

TEST_CASE("a reply has header, question, and its records in three counted sections") {
  const Query query = edns_query();
  ResponseHead head;
  head.authoritative = true;
  const Packet reply = respond(query, 512, head, [&](ResponseWriter& writer) {
    add_srv(writer, query);
    writer.add(Section::authority, name("z."), RrType::ns, dns::Ttl{300}, wire("ns.z."));
    add_target(writer);
    writer.add(Section::additional, name("ns.z."), RrType::a, dns::Ttl{300}, address);
  });
  const Packet expected = octets(R"(
  1234 8500 0001 0001 0001 0003  ; QR AA RD; one question, 1, 1, and 2 with OPT
  0161 017a 00 0021 0001         ; a.z IN SRV, the name at 12
  c00c 0021 0001 00000001 000d   ; a.z SRV
  000a 0000 ca6c 0162 0161 017a 00  ; 10 0 51820 b.a.z, whole, at 39
  c00e 0002 0001 0000012c 0005   ; z NS
  026e 73 c00e                   ; ns.z
  c027 0001 0001 00000001 0004 cb00710a  ; b.a.z A
  026e 73 c00e 0001 0001 0000012c 0004 cb00710a  ; ns.z A
  00 0029 04d0 00000000 0000     ; OPT
)");
  CHECK(reply == expected);
}

TEST_CASE("the header echoes the request and tells the verdict") {
  const struct {
    std::string what, flags_of_request;
    Rcode rcode;
    bool authoritative;
    std::string flags;
    std::string opt_ttl;
  } rows[] = {
      {"nothing set", "0000", Rcode::noerror, false, "8000", "00000000"},
      {"RD is echoed", "0100", Rcode::noerror, false, "8100", "00000000"},
      {"CD is echoed", "0010", Rcode::noerror, false, "8010", "00000000"},
      {"AA", "0000", Rcode::noerror, true, "8400", "00000000"},
      {"a short code", "0000", Rcode::nxdomain, true, "8403", "00000000"},
      {"a long code: upper bits in OPT", "0000", Rcode::badcookie, false, "8007", "01000000"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const Query query(
        octets("1234" + row.flags_of_request + "0001 0000 0000 0001 0161 017a 00 0021 0001") +
        octets(opt));
    ResponseHead head;
    head.rcode = row.rcode;
    head.authoritative = row.authoritative;
    CHECK(respond(query, 512, head, [](ResponseWriter&) {}) ==
          octets("1234" + row.flags + "0001 0000 0000 0001 0161 017a 00 0021 0001 00 0029 04d0" +
                 row.opt_ttl + "0000"));
  }
}

TEST_CASE("names are compressed in the data of RFC 1035's types alone, never in an SRV target") {
  const Query query = plain_query();
  const Packet whole = wire("x.a.z.");
  const Packet compressed = octets("0178 c00c");
  const Packet numbers = octets("00000001 00000002 00000003 00000004 00000005");
  const struct {
    std::string what;
    RrType type;
    Packet rdata, written;
  } rows[] = {
      {"NS", RrType::ns, whole, compressed},
      {"CNAME", RrType::cname, whole, compressed},
      {"PTR", RrType::ptr, whole, compressed},
      {"MX", RrType::mx, octets("000a") + whole, octets("000a") + compressed},
      {"more than a name", RrType::ns, whole + octets("ff"), whole + octets("ff")},
      {"more than MX", RrType::mx, octets("000a") + whole + octets("ff"),
       octets("000a") + whole + octets("ff")},
      {"SOA, both names", RrType::soa, whole + wire("z.") + numbers,
       compressed + octets("c00e") + numbers},
      {"SRV", RrType::srv, octets("000a 0000 ca6c") + whole, octets("000a 0000 ca6c") + whole},
      {"SRV to the question itself", RrType::srv, octets("000a 0000 ca6c") + wire("a.z."),
       octets("000a 0000 ca6c") + wire("a.z.")},
      {"DNAME", RrType::dname, whole, whole},
      {"a type that nobody knows", RrType{65280}, whole, whole},
      {"SOA one octet short", RrType::soa, whole + wire("z.") + octets("00"),
       whole + wire("z.") + octets("00")},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const Packet reply = respond(query, 512, {}, [&](ResponseWriter& writer) {
      writer.add(Section::answer, query.request.name, row.type, ttl, row.rdata);
    });
    REQUIRE(reply.size() == body_start + 12 + row.written.size());
    CHECK(word_at(reply, body_start + 10) == row.written.size());
    CHECK(Packet(reply.begin() + body_start + 12, reply.end()) == row.written);
  }
}

TEST_CASE("an owner points to the longest part that is in the reply") {
  const Query query = plain_query();
  const struct {
    std::string owner, written;
  } rows[] = {
      {"a.z.", "c00c"},
      {"A.Z.", "c00c"},
      {"z.", "c00e"},
      {"x.z.", "0178 c00e"},
      {"x.y.a.z.", "0178 0179 c00c"},
      {"b.a.z.", "c027"},  // an SRV target before it
      {"x.b.a.z.", "0178 0162 c00c"},
      {"a.y.", "0161 0179 00"},
      {".", "00"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.owner);
    const Packet reply = respond(query, 512, {}, [&](ResponseWriter& writer) {
      add_srv(writer, query);
      writer.add(Section::additional, name(row.owner), RrType::a, ttl, address);
    });
    const Packet written = octets(row.written);
    const std::size_t start = body_start + srv_octets;
    REQUIRE(reply.size() == start + written.size() + 14);
    CHECK(Packet(reply.begin() + static_cast<std::ptrdiff_t>(start), reply.end() - 14) == written);
  }
}

TEST_CASE("at every limit: all, or without the additional section, or empty with TC") {
  constexpr std::size_t with_answer = body_start + srv_octets;
  constexpr std::size_t whole = with_answer + target_octets;
  for (const bool has_edns : {false, true}) {
    const Query query = has_edns ? edns_query() : plain_query();
    const std::size_t kept = has_edns ? opt_octets + error_octets : 0;  // before any record
    const std::size_t opt_size = has_edns ? opt_octets : 0;
    const std::size_t opt_count = has_edns ? 1 : 0;
    for (std::size_t limit = body_start + kept; limit < whole + kept + 3; ++limit) {
      CAPTURE(has_edns);
      CAPTURE(limit);
      const Packet reply = respond(query, limit, {}, [&](ResponseWriter& writer) {
        add_srv(writer, query);
        add_target(writer);
      });
      const bool has_answer = limit >= with_answer + kept;
      const bool has_target = limit >= whole + kept;
      CHECK(is_truncated(reply) == !has_answer);
      CHECK(counts_of(reply) == Counts{has_answer ? 1U : 0U, 0, opt_count + (has_target ? 1 : 0)});
      CHECK(reply.size() == opt_size + (has_target   ? whole
                                        : has_answer ? with_answer
                                                     : body_start));
    }
  }
}

TEST_CASE("a record of the authority section that does not fit empties the reply") {
  const Query query = plain_query();
  constexpr std::size_t ns_octets = 2 + 10 + 5;  // pointer, fixed part, ns and a pointer
  for (const std::size_t missing : {0U, 1U}) {
    CAPTURE(missing);
    const std::size_t whole = body_start + srv_octets + ns_octets;
    const Packet reply = respond(query, whole - missing, {}, [&](ResponseWriter& writer) {
      add_srv(writer, query);
      writer.add(Section::authority, name("z."), RrType::ns, ttl, wire("ns.z."));
      writer.add(Section::authority, name("."), RrType::txt, ttl, {});  // shorter, but too late
    });
    CHECK(is_truncated(reply));
    CHECK(counts_of(reply) == Counts{0, 0, 0});
    CHECK(reply.size() == body_start);
  }
}

TEST_CASE("the room of OPT is kept before records: what the asker may be told always fits") {
  // The query has a client cookie, and asks for NSID and keepalive.
  const Query query(octets(R"(
  1234 0100 0001 0000 0000 0001 0161 017a 00 0021 0001
  00 0029 04d0 00008000 0014       ; OPT with DO
  000a 0008 0102030405060708       ; COOKIE
  0003 0000                        ; NSID
  000b 0000                        ; TCP-KEEPALIVE
)"));
  const Packet server_cookie(32, 0xcc);
  const std::string nsid(dns::max_nsid_octets, 'n');
  ResponseHead head;
  head.server_cookie = server_cookie;
  head.nsid = nsid;
  head.tcp_keepalive = 100;
  head.extended_error = ExtendedError::stale_answer;
  constexpr std::size_t opt_size =
      opt_octets + (4 + 8 + 32) + (4 + dns::max_nsid_octets) + (4 + 2) + error_octets;
  for (const std::size_t limit : {std::size_t{512}, std::size_t{513}, std::size_t{1232}}) {
    CAPTURE(limit);
    std::size_t added = 0;
    const Packet reply = respond(query, limit, head, [&](ResponseWriter& writer) {
      for (; added < 100; ++added)
        writer.add(Section::additional,
                   name(std::string(1, static_cast<char>('a' + added % 26)) + ".a.z."), RrType::a,
                   ttl, address);
    });
    constexpr std::size_t record_octets = 4 + 10 + 4;
    const std::size_t fit = (limit - body_start - opt_size) / record_octets;
    CHECK(!is_truncated(reply));
    CHECK(counts_of(reply) == Counts{0, 0, fit + 1});
    REQUIRE(reply.size() == body_start + fit * record_octets + opt_size);
    const Packet written(reply.end() - opt_size, reply.end());
    CHECK(written == octets("00 0029 04d0 00008000 007c 000a 0028 0102030405060708") +
                         server_cookie + octets("0003 0040") + Packet(64, 'n') +
                         octets("000b 0002 0064 000f 0002 0003"));
  }
}

TEST_CASE("only what was asked for is told in OPT, and nothing without EDNS") {
  const Packet server_cookie(8, 0xcc);
  ResponseHead head;
  head.server_cookie = server_cookie;
  head.nsid = "id";
  head.tcp_keepalive = 100;
  CHECK(respond(edns_query(), 512, head, [](ResponseWriter&) {}).size() == body_start + opt_octets);
  head.extended_error = ExtendedError::not_ready;
  CHECK(respond(edns_query(), 512, head, [](ResponseWriter&) {}).size() ==
        body_start + opt_octets + error_octets);
  CHECK(respond(plain_query(), 512, head, [](ResponseWriter&) {}).size() == body_start);
}

TEST_CASE("an RRset of the additional section stays or goes as a whole") {
  const Query query = plain_query();
  constexpr std::size_t record_octets = 4 + 10 + 4;  // x and a pointer
  const auto two_and_one = [&](ResponseWriter& writer) {
    writer.add(Section::additional, name("x.z."), RrType::a, ttl, address);
    writer.add(Section::additional, name("X.z."), RrType::a, ttl, address);  // the same RRset
    writer.add(Section::additional, name("y.z."), RrType::a, ttl, address);
  };
  const struct {
    std::size_t room, records;
  } rows[] = {
      {0, 0},
      {record_octets - 1, 0},
      {record_octets, 1},  // y.z: the first record of x.z was written, and taken back
      {2 * record_octets - 1, 1},
      {2 * record_octets, 2},
      {3 * record_octets - 1, 2},
      {3 * record_octets, 3},
  };
  for (const auto& row : rows) {
    CAPTURE(row.room);
    const std::size_t limit = body_start + row.room;
    const Packet reply = respond(query, limit, {}, two_and_one);
    CHECK(!is_truncated(reply));
    CHECK(counts_of(reply) == Counts{0, 0, row.records});
    CHECK(reply.size() == body_start + row.records * record_octets);
    if (row.records == 1) CHECK(reply[body_start + 1] == 'y');
    // RFC 9471 §3.1: a referral without all of its glue is truncated.
    ResponseHead referral;
    referral.glue_required = true;
    CHECK(is_truncated(respond(query, limit, referral, two_and_one)) == (row.records != 3));
  }
}

TEST_CASE("a short record does not stay where a long one of its RRset was left out") {
  const Query query = plain_query();
  const Packet long_text(100, 0);
  const Packet reply = respond(query, body_start + 50, {}, [&](ResponseWriter& writer) {
    writer.add(Section::additional, name("x.z."), RrType::txt, ttl, long_text);
    writer.add(Section::additional, name("x.z."), RrType::txt, ttl, {});
    writer.add(Section::additional, name("x.z."), RrType::a, ttl, address);
  });
  CHECK(counts_of(reply) == Counts{0, 0, 1});
  CHECK(reply.size() == body_start + 4 + 10 + 4);
}

TEST_CASE("a withheld reply has no records: TC, but BADCOOKIE without it") {
  for (const Rcode rcode : {Rcode::noerror, Rcode::badcookie}) {
    CAPTURE(dns::to_string(rcode));
    const Query query = edns_query();
    ResponseHead head;
    head.rcode = rcode;
    head.withhold = true;
    const Packet reply = respond(query, 512, head, [&](ResponseWriter& writer) {
      add_srv(writer, query);
      add_target(writer);
    });
    CHECK(is_truncated(reply) == (rcode == Rcode::noerror));
    CHECK(counts_of(reply) == Counts{0, 0, 1});
    CHECK(reply.size() == body_start + opt_octets);
  }
}

TEST_CASE("with the longest question and all options, 512 octets hold the header, both, and TC") {
  const std::string label(63, 'l');
  const Packet longest = wire(label + "." + label + "." + label + "." + std::string(61, 'l') + ".");
  REQUIRE(longest.size() == dns::max_name_octets);
  const Query query(octets("1234 0100 0001 0000 0000 0001") + longest + octets("0021 0001") +
                    octets("00 0029 04d0 00000000 0014 000a 0008 0102030405060708 0003 0000"
                           "000b 0000"));
  const Packet server_cookie(32, 0xcc);
  const std::string nsid(dns::max_nsid_octets, 'n');
  ResponseHead head;
  head.server_cookie = server_cookie;
  head.nsid = nsid;
  head.tcp_keepalive = 100;
  head.extended_error = ExtendedError::prohibited;
  const Packet large(200, 0);
  const Packet reply = respond(query, dns::plain_udp_octets, head, [&](ResponseWriter& writer) {
    writer.add(Section::answer, query.request.name, RrType::txt, ttl, large);
  });
  CHECK(is_truncated(reply));
  CHECK(counts_of(reply) == Counts{0, 0, 1});
  CHECK(reply.size() == 12 + 255 + 4 + opt_octets + 44 + 68 + 6 + 6);
}

TEST_CASE("the limit is that of the asker or the buffer, whichever is smaller") {
  const Query query = edns_query();
  constexpr std::size_t room = body_start + srv_octets + opt_octets + error_octets;
  for (const std::size_t missing : {0U, 1U}) {
    CAPTURE(missing);
    Packet out(room - missing);
    ResponseWriter writer(query.request, 512, out);
    add_srv(writer, query);
    ResponseHead head;
    head.extended_error = ExtendedError::stale_answer;
    const std::size_t size = writer.finish(head);
    CHECK(size == (missing == 0 ? room : room - srv_octets));
    CHECK(is_truncated(out) == (missing == 1));
    CHECK(counts_of(out) == Counts{missing == 0 ? 1U : 0U, 0, 1});
  }
}

TEST_CASE("a reply of 65535 octets is full to the last one") {
  const Query query = plain_query();
  constexpr std::size_t record_octets = 2 + 10;
  const Packet most(dns::max_message_octets - body_start - record_octets, 0);
  for (const bool is_too_long : {false, true}) {
    CAPTURE(is_too_long);
    const Packet data = is_too_long ? most + Packet{0} : most;
    const Packet reply = respond(query, dns::max_message_octets, {}, [&](ResponseWriter& writer) {
      writer.add(Section::answer, query.request.name, RrType::txt, ttl, data);
    });
    CHECK(is_truncated(reply) == is_too_long);
    CHECK(reply.size() == (is_too_long ? body_start : dns::max_message_octets));
  }
}
