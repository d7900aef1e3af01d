#include "updater/host/echo.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using base::Family;
using updater::EchoId;
using updater::parse_echo_reply;
using Octets = std::vector<std::uint8_t>;

const EchoId id{0x1234, 0x5678};

Octets with_header(Octets packet, std::size_t words) {
  Octets result(words * 4);
  if (!result.empty()) result[0] = static_cast<std::uint8_t>(0x40U | words);
  result.insert(result.end(), packet.begin(), packet.end());
  return result;
}

}  // namespace

TEST_CASE("an echo request has type, id, sequence and, in IPv4, the checksum") {
  const auto v4 = updater::write_echo_request(Family::ipv4, id);
  // 0800 + 1234 + 5678 = 70ac, and its complement
  CHECK(Octets(v4.begin(), v4.end()) == Octets{8, 0, 0x8f, 0x53, 0x12, 0x34, 0x56, 0x78});
  const auto v6 = updater::write_echo_request(Family::ipv6, id);
  CHECK(Octets(v6.begin(), v6.end()) == Octets{128, 0, 0, 0, 0x12, 0x34, 0x56, 0x78});
}

TEST_CASE("an echo reply is recognised with and without an IP header, and by nothing else") {
  const Octets v4 = {0, 0, 9, 9, 0x12, 0x34, 0x56, 0x78};
  const Octets v6 = {129, 0, 9, 9, 0x12, 0x34, 0x56, 0x78};
  Octets longer = v4;
  longer.resize(1400);
  const struct {
    std::string name;
    Octets packet;
    Family family;
    bool has_ip_header;
    bool is_reply;
  } rows[] = {
      {"IPv4", v4, Family::ipv4, false, true},
      {"IPv6", v6, Family::ipv6, false, true},
      {"with payload", longer, Family::ipv4, false, true},
      {"behind a header", with_header(v4, 5), Family::ipv4, true, true},
      {"behind a header with options", with_header(v4, 15), Family::ipv4, true, true},
      {"behind a header of no words", with_header(v4, 0), Family::ipv4, true, false},
      {"of the other family", v6, Family::ipv4, false, false},
      {"a request", {8, 0, 9, 9, 0x12, 0x34, 0x56, 0x78}, Family::ipv4, false, false},
      {"another code", {0, 1, 9, 9, 0x12, 0x34, 0x56, 0x78}, Family::ipv4, false, false},
      {"nothing", {}, Family::ipv4, false, false},
      {"a header alone", with_header({}, 5), Family::ipv4, true, false},
      {"a header that ends behind the packet", {0x4f, 0, 0, 0}, Family::ipv4, true, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto found = parse_echo_reply(row.packet, row.family, row.has_ip_header);
    CHECK(found.has_value() == row.is_reply);
    if (found) CHECK(*found == id);
  }
  for (std::size_t size = 0; size < v4.size(); ++size) {
    CAPTURE(size);
    CHECK(!parse_echo_reply(base::Bytes(v4).first(size), Family::ipv4, false));
    CHECK(!parse_echo_reply(with_header(Octets(v4.begin(), v4.begin() + std::ptrdiff_t(size)), 5),
                            Family::ipv4, true));
  }
}
