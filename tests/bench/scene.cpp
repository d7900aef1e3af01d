#include "tests/bench/scene.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/encoding.hpp"

namespace bench {
namespace {

constexpr std::string_view prefix_service = "\x0a_wireguard\x04_udp";

enum class Form : std::uint8_t { service, instance, host };

void write_name(base::ByteWriter& writer, Form form, const wg::PublicKey& key) {
  static const dns::Name apex = zone();
  const auto digits = base::to_base32(key.octets());
  if (form == Form::service) writer.bytes(base::as_bytes(prefix_service));
  writer.u8(static_cast<std::uint8_t>(digits.size()));
  writer.bytes(base::as_bytes({digits.data(), digits.size()}));
  if (form == Form::instance) writer.bytes(base::as_bytes(prefix_service));
  writer.bytes(apex.view().wire());
}

/// Changes the case of random letters, as resolvers do. Length octets are below 64: no letters.
void shuffle_case(base::MutableBytes name, Draw& draw) {
  std::uint64_t coins = 0;
  for (std::size_t i = 0; i < name.size(); ++i, coins >>= 1U) {
    if (i % 64 == 0) coins = draw();
    const std::uint8_t lower = base::to_lower(name[i]);
    if ((coins & 1U) != 0 && lower >= 'a' && lower <= 'z') name[i] = lower & 0xdfU;
  }
}

}  // namespace

std::uint64_t Draw::operator()() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

dns::Name zone() {
  return *dns::Name::parse("wg.example.org.");
}

wg::PublicKey key(std::uint64_t number) {
  Draw draw(number * 4);
  base::Octets32 octets{};
  for (std::size_t i = 0; i < octets.size(); i += 8) {
    const std::uint64_t word = draw();
    std::memcpy(octets.data() + i, &word, sizeof word);
  }
  return wg::PublicKey(octets);
}

base::Endpoint endpoint(std::uint64_t number) {
  const std::array<std::uint8_t, 4> octets = {20, static_cast<std::uint8_t>(number >> 16U),
                                              static_cast<std::uint8_t>(number >> 8U),
                                              static_cast<std::uint8_t>(number)};
  return {base::IpAddress(octets), base::Port{static_cast<std::uint16_t>(1024 + number % 60000)}};
}

base::Endpoint endpoint_ipv6(std::uint64_t number) {
  const std::array<std::uint8_t, 16> octets = {0x2a,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0,
                                               0,
                                               static_cast<std::uint8_t>(number >> 16U),
                                               static_cast<std::uint8_t>(number >> 8U),
                                               static_cast<std::uint8_t>(number)};
  return {base::IpAddress(octets), base::Port{static_cast<std::uint16_t>(1 + number % 65521)}};
}

base::Prefix allowed_ip(std::uint64_t number) {
  std::array<std::uint8_t, 4> octets{};
  const base::IpAddress address = endpoint(number).address;
  std::copy(address.bytes().begin(), address.bytes().end(), octets.begin());
  octets[0] = 10;
  return *base::Prefix::make(base::IpAddress(octets), 32);
}

std::optional<Mix> parse_mix(std::string_view text) {
  if (text == "srv") return Mix::srv;
  if (text == "judged") return Mix::judged;
  return std::nullopt;
}

std::size_t Questions::write(std::uint16_t id, base::MutableBytes out, Expected& expected) {
  Form form = Form::service;
  dns::RrType type = dns::RrType::srv;
  std::uint64_t number = draw_.below(peers_);
  expected = {dns::Rcode::noerror, 1};
  bool with_edns = true;
  bool with_cookie = false;
  bool with_server_cookie = false;
  if (mix_ == Mix::judged) {
    const std::uint64_t tenth = draw_.below(10);
    if (tenth >= 4 && tenth < 7) form = Form::instance;
    if (tenth == 7) {
      form = Form::host;
      type = dns::RrType::a;
    }
    if (tenth == 8) type = dns::RrType::txt;
    if (tenth == 9) {
      number += std::uint64_t{1} << 40U;
      expected = {dns::Rcode::nxdomain, 0};
    }
    const std::uint64_t coin = draw_.below(4);
    with_edns = with_cookie = coin >= 2;
    with_server_cookie = coin == 3;
  }
  base::ByteWriter writer(out);
  writer.u16(id);
  writer.u16(0);
  writer.u16(1);
  writer.u16(0);
  writer.u16(0);
  writer.u16(with_edns ? 1 : 0);
  const std::size_t name_at = writer.size();
  write_name(writer, form, key(number));
  if (mix_ == Mix::judged) shuffle_case(out.subspan(name_at, writer.size() - name_at), draw_);
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(1);
  if (with_edns) {
    const std::size_t cookie = with_server_cookie ? cookie_.size() : 8;
    writer.u8(0);
    writer.u16(static_cast<std::uint16_t>(dns::RrType::opt));
    writer.u16(1232);
    writer.u32(0);
    writer.u16(static_cast<std::uint16_t>(with_cookie ? 4 + cookie : 0));
    if (with_cookie) {
      writer.u16(static_cast<std::uint16_t>(dns::EdnsOption::cookie));
      writer.u16(static_cast<std::uint16_t>(cookie));
      writer.bytes(base::Bytes(cookie_).first(cookie));
    }
  }
  return writer.size();
}

}  // namespace bench
