#include "schema/owner_name.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>

namespace {

using schema::PeerName;
using Form = PeerName::Form;

const dns::Name zone = *dns::Name::parse("wg.example.org");

wg::PublicKey key_of(unsigned seed) {
  std::mt19937 random(seed);
  base::Octets32 octets{};
  for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
  return wg::PublicKey(octets);
}

dns::Name name_of(const std::string& relative) {
  return *dns::Name::parse(relative + ".wg.example.org.");
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

}  // namespace

TEST_CASE("every form of a peer's name is recognised, in any case") {
  const wg::PublicKey key = key_of(1);
  const std::string k = schema::key_label(key);
  REQUIRE(k.size() == 52);
  struct Row {
    std::string name;
    Form form;
    bool padded;
  };
  const std::array rows = {
      Row{k, Form::host, false},
      Row{"_udp." + k, Form::protocol, false},
      Row{"_wireguard._udp." + k, Form::service, false},
      Row{"203-0-113-10." + k, Form::address, false},
      Row{"20010db8000000000000000000000001." + k, Form::address, false},
      Row{"_lan." + k, Form::lan, false},
      Row{"_path." + k, Form::path, false},
      Row{k + "._wireguard._udp", Form::instance, false},
      Row{k + "====._wireguard._udp", Form::instance, true},
      Row{"x." + k, Form::other, false},
      Row{"_tcp." + k, Form::other, false},
      Row{"_foo._udp." + k, Form::other, false},
      Row{"x._wireguard._udp." + k, Form::other, false},
      Row{"x.203-0-113-10." + k, Form::other, false},
      Row{"x._lan." + k, Form::other, false},
      Row{"lan." + k, Form::other, false},
      Row{"x._path." + k, Form::other, false},
      Row{"_relay." + k, Form::other, false},
      Row{"x." + k + "._wireguard._udp", Form::other, false},
      Row{"x." + k + "====._wireguard._udp", Form::other, true},
      Row{k + "====", Form::other, false},
      Row{"203-0-113-010." + k, Form::other, false},
      Row{"203-0-113." + k, Form::other, false},
      Row{"20010DB800000000000000000000000g." + k, Form::other, false},
  };
  for (const Row& row : rows) {
    for (const std::string& spelling : {row.name, upper(row.name)}) {
      CAPTURE(spelling);
      const auto parsed = schema::parse_peer_name(name_of(spelling), zone);
      REQUIRE(parsed.has_value());
      CHECK(parsed->form == row.form);
      CHECK(parsed->key == key);
      CHECK(parsed->padded == row.padded);
      CHECK(parsed->address.has_value() == (row.form == Form::address));
    }
  }
}

TEST_CASE("what is not a peer's name is not taken for one") {
  const std::string k = schema::key_label(key_of(2));
  std::string spare_bits = k;  // the last of 52 characters carries one bit; with any of its four
                               // other bits set it is no key
  spare_bits.back() = k.back() == 'a' ? 'b' : 'r';
  const std::array<std::string, 11> names = {
      "alice",
      "_udp",
      "_wireguard._udp",
      "alice._wireguard._udp",
      k.substr(1),
      k + "a",
      k + "===",
      spare_bits,
      spare_bits + "._wireguard._udp",
      k + "._udp",
      k + "._wireguard._tcp",
  };
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK_FALSE(schema::parse_peer_name(name_of(name), zone).has_value());
  }
  CHECK_FALSE(schema::parse_peer_name(zone, zone).has_value());
}

TEST_CASE("names are written as they are read") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    const wg::PublicKey key = key_of(seed);
    const auto v4 = *base::IpAddress::parse("203.0.113." + std::to_string(seed));
    const auto v6 = *base::IpAddress::parse("2001:db8::" + std::to_string(seed));
    CHECK(schema::parse_peer_name(schema::host_name(key, zone), zone)->form == Form::host);
    CHECK(schema::parse_peer_name(schema::service_name(key, zone), zone)->form == Form::service);
    CHECK(schema::parse_peer_name(schema::instance_name(key, zone), zone)->form == Form::instance);
    CHECK(schema::parse_peer_name(schema::padded_instance_name(key, zone), zone)->padded);
    for (const auto& address : {v4, v6}) {
      const auto parsed = schema::parse_peer_name(schema::address_name(address, key, zone), zone);
      CHECK(parsed->form == Form::address);
      CHECK(parsed->key == key);
      CHECK(parsed->address == address);
    }
  }
}

TEST_CASE("the longest zone that may be served leaves room for every name") {
  std::string text;
  while (text.size() + 1 < schema::max_zone_octets) text += "a.";
  const auto long_zone = dns::Name::parse(text);
  REQUIRE(long_zone.has_value());
  REQUIRE(long_zone->view().wire().size() == schema::max_zone_octets);
  const wg::PublicKey key = key_of(3);
  const dns::Name padded = schema::padded_instance_name(key, *long_zone);
  CHECK(schema::parse_peer_name(padded, *long_zone)->form == Form::instance);
  const auto v6 = *base::IpAddress::parse("2001:db8::1");
  CHECK(schema::parse_peer_name(schema::address_name(v6, key, *long_zone), *long_zone)->form ==
        Form::address);
}

TEST_CASE("address labels: one label for one address") {
  struct Row {
    const char* label;
    const char* address;  // nullptr: no address
  };
  const std::array rows = {
      Row{"203-0-113-10", "203.0.113.10"},
      Row{"0-0-0-0", "0.0.0.0"},
      Row{"255-255-255-255", "255.255.255.255"},
      Row{"20010db8000000000000000000000001", "2001:db8::1"},
      Row{"20010DB8000000000000000000000001", "2001:db8::1"},
      Row{"00000000000000000000ffffc0000201", "::ffff:192.0.2.1"},
      Row{"203-0-113", nullptr},
      Row{"203-0-113-256", nullptr},
      Row{"203-0-113-01", nullptr},
      Row{"203.0.113.10", nullptr},
      Row{"-203-0-113-10", nullptr},
      Row{"203-0-113-10-", nullptr},
      Row{"", nullptr},
      Row{"20010db800000000000000000000001", nullptr},
      Row{"20010db80000000000000000000000001", nullptr},
      Row{"+0010db8000000000000000000000001", nullptr},
      Row{"20010db8 00000000000000000000001", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.label);
    const auto parsed = schema::parse_address_label(row.label);
    CHECK(parsed.has_value() == (row.address != nullptr));
    if (parsed && row.address != nullptr) CHECK(*parsed == *base::IpAddress::parse(row.address));
  }
}

TEST_CASE("names for peers: one LDH label that does not look like a key") {
  const std::string k = schema::key_label(key_of(4));
  for (const std::string& good : {std::string("alice"), std::string("A-1"), std::string(63, 'a'),
                                  k.substr(1), std::string(52, '1')}) {
    CAPTURE(good);
    CHECK_FALSE(schema::check_peer_label(good).has_value());
  }
  for (const std::string& bad : {std::string(""), std::string("-a"), std::string("a-"),
                                 std::string("_udp"), std::string("a.b"), std::string("a b"),
                                 std::string("ä"), std::string(64, 'a'), k, upper(k), k + "===="}) {
    CAPTURE(bad);
    CHECK(schema::check_peer_label(bad).has_value());
  }
}
