#include "dns/request.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

namespace {

using Octets = std::vector<std::uint8_t>;

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Octets header(std::uint8_t flags_high, std::uint8_t flags_low, std::uint8_t questions,
              std::uint8_t answers, std::uint8_t authorities, std::uint8_t additionals) {
  return {0x12, 0x34,    flags_high, flags_low,   0, questions,
          0,    answers, 0,          authorities, 0, additionals};
}

const Octets question_srv = {2, 'W', 'g', 3, 'o', 'r', 'g', 0, 0, 33, 0, 1};
const Octets question_ixfr = {2, 'W', 'g', 3, 'o', 'r', 'g', 0, 0, 251, 0, 1};
const Octets opt = {0, 0, 41, 0x10, 0x00, 0, 0, 0x80, 0, 0, 0};  // 4096 octets, DO
const Octets opt_version_1 = {0, 0, 41, 0x10, 0x00, 0, 1, 0, 0, 0, 0};
const Octets opt_with_option = {0, 0, 41, 0x10, 0x00, 0, 0, 0, 0, 0, 7, 0xff, 0xf0, 0, 3, 1, 2, 3};
const Octets opt_option_cut = {0, 0, 41, 0x10, 0x00, 0, 0, 0, 0, 0, 6, 0xff, 0xf0, 0, 3, 1, 2};
const Octets opt_option_stub = {0, 0, 41, 0x10, 0x00, 0, 0, 0, 0, 0, 3, 0xff, 0xf0, 0};
const Octets opt_owned = {1, 'a', 0, 0, 41, 0x10, 0x00, 0, 0, 0, 0, 0, 0};
const Octets address_record = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1};
const Octets pointer_forward = {0xc0, 0x30, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1};
const Octets pointer_to_header = {0xc0, 2, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1};

// RFC 8945 §4.2: key `k.`, algorithm `h.`, a MAC of two octets.
const Octets tsig_data = {1, 'h', 0,    0,    0,    0x65, 0, 0, 0, 1, 0x2c,
                          0, 2,   0xab, 0xcd, 0x12, 0x34, 0, 0, 0, 0};
Octets tsig(const Octets& data = tsig_data, std::uint8_t rr_class = 255, std::uint8_t ttl = 0) {
  return Octets{1,
                'k',
                0,
                0,
                250,
                0,
                rr_class,
                0,
                0,
                0,
                ttl,
                0,
                static_cast<std::uint8_t>(data.size())} +
         data;
}

struct Row {
  const char* name;
  Octets packet;
  std::optional<dns::Rcode> rcode;  // nullopt: no answer
};

}  // namespace

TEST_CASE("the gate: what is answered, refused or met with silence") {
  using dns::Rcode;
  const std::vector<Row> rows = {
      {"one question", header(0, 0, 1, 0, 0, 0) + question_srv, Rcode::noerror},
      {"RFC 6891: question and OPT", header(0, 0, 1, 0, 0, 1) + question_srv + opt, Rcode::noerror},
      {"RFC 6891 §6.1.2: unknown option", header(0, 0, 1, 0, 0, 1) + question_srv + opt_with_option,
       Rcode::noerror},
      {"other additional record", header(0, 0, 1, 0, 0, 1) + question_srv + address_record,
       Rcode::noerror},
      {"OPT behind another record", header(0, 0, 1, 0, 0, 2) + question_srv + address_record + opt,
       Rcode::noerror},
      {"RFC 1995 §3: IXFR with the client's SOA",
       header(0, 0, 1, 0, 1, 0) + question_ixfr + address_record, Rcode::noerror},
      {"TC, RA, Z, AD set in a query are ignored", header(0x02, 0xe0, 1, 0, 0, 0) + question_srv,
       Rcode::noerror},
      {"empty", {}, std::nullopt},
      {"eleven octets", Octets(11, 0), std::nullopt},
      {"an answer", header(0x80, 0, 1, 0, 0, 0) + question_srv, std::nullopt},
      {"an answer without a question", header(0x84, 0, 0, 0, 0, 0), std::nullopt},
      {"IQUERY", header(0x08, 0, 1, 0, 0, 0) + question_srv, Rcode::notimp},
      {"STATUS with a broken body", header(0x10, 0, 1, 0, 0, 0), Rcode::notimp},
      {"RFC 1996: NOTIFY", header(0x20, 0, 1, 0, 0, 0) + question_srv, Rcode::refused},
      {"UPDATE", header(0x28, 0, 1, 0, 0, 0) + question_srv, Rcode::refused},
      {"opcode 15", header(0x78, 0, 1, 0, 0, 0) + question_srv, Rcode::notimp},
      {"header alone, QDCOUNT 0", header(0, 0, 0, 0, 0, 0), Rcode::formerr},
      {"header alone, QDCOUNT 1", header(0, 0, 1, 0, 0, 0), Rcode::formerr},
      {"RFC 9619: two questions", header(0, 0, 2, 0, 0, 0) + question_srv + question_srv,
       Rcode::formerr},
      {"an answer record", header(0, 0, 1, 1, 0, 0) + question_srv + address_record,
       Rcode::formerr},
      {"an authority record", header(0, 0, 1, 0, 1, 0) + question_srv + address_record,
       Rcode::formerr},
      {"IXFR with two", header(0, 0, 1, 0, 2, 0) + question_ixfr + address_record + address_record,
       Rcode::formerr},
      {"one octet extra", header(0, 0, 1, 0, 0, 0) + question_srv + Octets{0}, Rcode::formerr},
      {"ARCOUNT too large", header(0, 0, 1, 0, 0, 2) + question_srv + opt, Rcode::formerr},
      {"ARCOUNT too small", header(0, 0, 1, 0, 0, 0) + question_srv + opt, Rcode::formerr},
      {"RFC 6891 §6.1.1: two OPT", header(0, 0, 1, 0, 0, 2) + question_srv + opt + opt,
       Rcode::formerr},
      {"RFC 6891 §6.1.2: OPT with an owner", header(0, 0, 1, 0, 0, 1) + question_srv + opt_owned,
       Rcode::formerr},
      {"option longer than OPT", header(0, 0, 1, 0, 0, 1) + question_srv + opt_option_cut,
       Rcode::formerr},
      {"option without a length", header(0, 0, 1, 0, 0, 1) + question_srv + opt_option_stub,
       Rcode::formerr},
      {"RFC 6891 §6.1.3: version 1", header(0, 0, 1, 0, 0, 1) + question_srv + opt_version_1,
       Rcode::badvers},
      {"version 1 twice", header(0, 0, 1, 0, 0, 2) + question_srv + opt_version_1 + opt_version_1,
       Rcode::formerr},
      {"version 1 and garbage", header(0, 0, 1, 0, 0, 1) + question_srv + opt_version_1 + Octets{1},
       Rcode::formerr},
      {"RFC 8945 §5.2.1: signed with a key that nobody has",
       header(0, 0, 1, 0, 0, 1) + question_srv + tsig(), Rcode::notauth},
      {"RFC 8945 §5.1: behind OPT", header(0, 0, 1, 0, 0, 2) + question_srv + opt + tsig(),
       Rcode::notauth},
      {"RFC 8945 §5.2: before the version of EDNS is judged",
       header(0, 0, 1, 0, 0, 2) + question_srv + opt_version_1 + tsig(), Rcode::notauth},
      {"RFC 8945 §5.1: before OPT", header(0, 0, 1, 0, 0, 2) + question_srv + tsig() + opt,
       Rcode::formerr},
      {"RFC 8945 §5.1: two TSIG", header(0, 0, 1, 0, 0, 2) + question_srv + tsig() + tsig(),
       Rcode::formerr},
      {"RFC 8945 §4.2: TSIG of class IN",
       header(0, 0, 1, 0, 0, 1) + question_srv + tsig(tsig_data, 1), Rcode::formerr},
      {"RFC 8945 §4.2: TSIG with a TTL",
       header(0, 0, 1, 0, 0, 1) + question_srv + tsig(tsig_data, 255, 1), Rcode::formerr},
      {"RFC 8945 §4.2: TSIG with an octet extra",
       header(0, 0, 1, 0, 0, 1) + question_srv + tsig(tsig_data + Octets{0}), Rcode::formerr},
      {"RFC 8945 §4.2: algorithm with a pointer",
       header(0, 0, 1, 0, 0, 1) + question_srv + tsig(Octets{0xc0, 12, 0} + tsig_data),
       Rcode::formerr},
      {"question with a pointer", header(0, 0, 1, 0, 0, 0) + Octets{0xc0, 12, 0, 33, 0, 1},
       Rcode::formerr},
      {"owner that points forward", header(0, 0, 1, 0, 0, 1) + question_srv + pointer_forward,
       Rcode::formerr},
      {"owner that points into the header",
       header(0, 0, 1, 0, 0, 1) + question_srv + pointer_to_header, Rcode::formerr},
      {"label of 64 octets",
       header(0, 0, 1, 0, 0, 0) + Octets{64} + Octets(64, 'a') + Octets{0, 0, 1, 0, 1},
       Rcode::formerr},
      {"name of 256 octets", header(0, 0, 1, 0, 0, 0) + Octets(256, 1) + Octets{0, 0, 1, 0, 1},
       Rcode::formerr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto request = dns::parse_request(row.packet);
    REQUIRE(request.has_value() == row.rcode.has_value());
    if (request) CHECK(request->rcode == *row.rcode);
  }
}

TEST_CASE("one octet short at every length: silence below a header, FORMERR above") {
  const Octets whole = header(0x01, 0x10, 1, 0, 0, 1) + question_srv + opt_with_option;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    const auto request = dns::parse_request(base::Bytes(whole).first(length));
    CHECK(request.has_value() == (length >= dns::header_octets));
    if (request) CHECK(request->rcode == dns::Rcode::formerr);
  }
}

TEST_CASE("TSIG data one octet short at every length: FORMERR") {
  for (std::size_t length = 0; length < tsig_data.size(); ++length) {
    CAPTURE(length);
    const Octets cut(tsig_data.begin(), tsig_data.begin() + static_cast<std::ptrdiff_t>(length));
    const auto request = dns::parse_request(header(0, 0, 1, 0, 0, 1) + question_srv + tsig(cut));
    REQUIRE(request.has_value());
    CHECK(request->rcode == dns::Rcode::formerr);
  }
}

TEST_CASE("EDNS options: cookies, NSID, keepalive") {
  const auto with_options = [](std::uint8_t questions, const Octets& options) {
    Octets packet = header(0, 0, questions, 0, 0, 1);
    if (questions > 0) packet = packet + question_srv;
    return packet +
           Octets{0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(options.size())} +
           options;
  };
  const auto cookie = [](std::uint8_t length) {
    return Octets{0, 10, 0, length} + Octets(length, 0xab);
  };
  for (int length = 0; length <= 50; ++length) {
    CAPTURE(length);
    const bool valid = length == 8 || (length >= 16 && length <= 40);  // RFC 7873 §5.2.2
    const Octets packet = with_options(1, cookie(static_cast<std::uint8_t>(length)));
    const auto request = dns::parse_request(packet);
    REQUIRE(request.has_value());
    CHECK(request->rcode == (valid ? dns::Rcode::noerror : dns::Rcode::formerr));
    if (!valid) continue;
    CHECK(request->edns->client_cookie.size() == 8);
    CHECK(request->edns->server_cookie.size() == static_cast<std::size_t>(length) - 8);
  }
  // RFC 7873 §5.4: a message without a question is allowed only for a cookie.
  const Octets cookie_only = with_options(0, cookie(8));
  CHECK(dns::parse_request(cookie_only)->rcode == dns::Rcode::noerror);
  CHECK(dns::parse_request(cookie_only)->question.empty());
  CHECK(dns::parse_request(with_options(0, {}))->rcode == dns::Rcode::formerr);
  CHECK(dns::parse_request(with_options(0, {0, 3, 0, 0}))->rcode == dns::Rcode::formerr);
  // RFC 7873 §5.2: if there are two cookies, the first one counts.
  const Octets two = with_options(1, cookie(8) + cookie(24));
  CHECK(dns::parse_request(two)->edns->server_cookie.empty());
  const Octets others = with_options(1, {0, 3, 0, 0, 0, 11, 0, 0});
  const auto request = dns::parse_request(others);
  CHECK(request->edns->wants_nsid);
  CHECK(request->edns->wants_tcp_keepalive);
  CHECK(request->edns->client_cookie.empty());
}

TEST_CASE("RD and CD come back, but not with an operation that nobody knows") {
  for (const auto& [flags, comes_back] :
       {std::pair{0x01, true}, std::pair{0x21, true}, std::pair{0x29, true}, std::pair{0x09, false},
        std::pair{0x11, false}, std::pair{0x79, false}}) {
    CAPTURE(flags);
    const Octets packet = header(static_cast<std::uint8_t>(flags), 0x10, 1, 0, 0, 0) + question_srv;
    const auto request = dns::parse_request(packet);
    REQUIRE(request.has_value());
    CHECK(request->recursion_desired == comes_back);
    CHECK(request->checking_disabled == comes_back);
  }
}

TEST_CASE("what a request says") {
  const Octets packet = header(0x01, 0x10, 1, 0, 0, 1) + question_srv + opt;
  const auto request = dns::parse_request(packet);
  REQUIRE(request.has_value());
  CHECK(request->id == 0x1234);
  CHECK(request->opcode == 0);
  CHECK(request->recursion_desired);
  CHECK(request->checking_disabled);
  CHECK(request->name.to_string() == "Wg.org.");
  CHECK(request->type == dns::RrType::srv);
  CHECK(request->rr_class == dns::RrClass::in);
  CHECK(Octets(request->question.begin(), request->question.end()) == question_srv);
  REQUIRE(request->edns.has_value());
  CHECK(request->edns->udp_size == 4096);
  CHECK(request->edns->dnssec_ok);
}
