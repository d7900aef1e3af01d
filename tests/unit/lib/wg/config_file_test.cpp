#include "wg/config_file.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace {

// Keys that `wg genkey
//  wg pubkey` made.
constexpr std::string_view alice = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
constexpr std::string_view bob = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
constexpr std::string_view zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

wg::ConfigFile parse(const std::string& text) {
  auto file = wg::parse_config_file(text);
  if (!file) FAIL(fmt::format("line {}: {}", file.error().line, file.error().message));
  return std::move(*file);
}

std::string peer(std::string_view key, std::string_view more = "") {
  return fmt::format("[Peer]\nPublicKey = {}\n{}", key, more);
}

TEST_CASE("a whole wg-quick file: the peers are read, the interface is ignored") {
  const auto file = parse(fmt::format(R"([Interface]
Address = 10.0.0.1/24, fd00::1/64
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
ListenPort = 51820
FwMark = 0x11
DNS = 1.1.1.1
MTU = 1420
Table = auto
PreUp = true
PostUp = iptables -A FORWARD -i %i -j ACCEPT # and so on
PreDown = true
PostDown = true
SaveConfig = false

# Name = alice
[Peer]
PublicKey = {}
PresharedKey = /UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=
AllowedIPs = 10.0.0.2/32, fd00::2
AllowedIPs = 192.168.7.9/16
Endpoint = 203.0.113.10:51820
PersistentKeepalive = 25

[peer]
  publickey={}
allowedips =
ENDPOINT = [2001:db8::1]:1
persistentkeepalive = off
#name=bob
)",
                                      alice, bob));
  CHECK(file.warnings.empty());
  REQUIRE(file.peers.size() == 2);
  const wg::ConfigPeer& first = file.peers[0];
  CHECK(first.public_key.to_base64() == alice);
  CHECK(first.name == "alice");
  CHECK(first.line == 16);
  CHECK(first.preshared_key.has_value());
  REQUIRE(first.allowed_ips.size() == 3);
  CHECK(first.allowed_ips[0].to_string() == "10.0.0.2/32");
  CHECK(first.allowed_ips[1].to_string() == "fd00::2/128");
  CHECK(first.allowed_ips[2].to_string() == "192.168.0.0/16");
  REQUIRE(first.endpoint.has_value());
  CHECK(std::get<base::Endpoint>(*first.endpoint).to_string() == "203.0.113.10:51820");
  const wg::ConfigPeer& second = file.peers[1];
  CHECK(second.public_key.to_base64() == bob);
  CHECK(second.name == "bob");
  CHECK(second.allowed_ips.empty());
  CHECK_FALSE(second.preshared_key.has_value());
  REQUIRE(second.endpoint.has_value());
  CHECK(std::get<base::Endpoint>(*second.endpoint).to_string() == "[2001:db8::1]:1");
}

TEST_CASE("files that hold no peers are files") {
  for (const std::string text :
       {"", "\n", "# nothing\n", "[Interface]", "\r\n[interface]\r\n", "#"}) {
    CAPTURE(text);
    CHECK(parse(text).peers.empty());
  }
}

TEST_CASE("endpoints") {
  struct Case {
    std::string_view text;
    std::string_view expected;  // empty: refused
  };
  const std::string label63(63, 'a');
  const std::string name253 = label63 + '.' + label63 + '.' + label63 + '.' + std::string(61, 'a');
  const std::string long_name = name253 + ":51820";
  const std::string dotted_name = name253 + ".:51820";
  const std::string too_long_name = "a" + name253 + ":51820";
  const std::string too_long_label = "a" + label63 + ".org:51820";
  const auto cases = std::to_array<Case>({
      {"1.2.3.4:1", "1.2.3.4:1"},
      {"[::1]:65535", "[::1]:65535"},
      {"[::ffff:192.0.2.1]:5", "192.0.2.1:5"},
      {"vpn.example.org:51820", "vpn.example.org 51820"},
      {"Vpn-1.Example.ORG.:51820", "Vpn-1.Example.ORG. 51820"},
      {"h:1", "h 1"},
      {"0x.org4:1", "0x.org4 1"},
      {long_name, "same"},
      {dotted_name, "same"},
      {"", ""},
      {":", ""},
      {":51820", ""},
      {"example.org", ""},
      {"example.org:", ""},
      {"example.org:0", ""},
      {"example.org:65536", ""},
      {"example.org:+1", ""},
      {"example.org: 1", ""},
      {"1.2.3:51820", ""},
      {"1.2.3.4.5:51820", ""},
      {"1.2.3.256:51820", ""},
      {"2001:db8::1:51820", ""},
      {"[2001:db8::1]", ""},
      {"[1.2.3.4]:51820", ""},
      {"[fe80::1%eth0]:51820", ""},
      {"a..org:51820", ""},
      {".org:51820", ""},
      {"a.org..:51820", ""},
      {".:51820", ""},
      {"-a.org:51820", ""},
      {"a-.org:51820", ""},
      {"_wireguard.org:51820", ""},
      {"a b.org:51820", ""},
      {"b\xc3\xbc"
       "cher.example:51820",
       ""},
      {too_long_name, ""},
      {too_long_label, ""},
  });
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto file = wg::parse_config_file(peer(alice, fmt::format("Endpoint = {}\n", c.text)));
    CHECK(file.has_value() == !c.expected.empty());
    if (!file || !file->peers[0].endpoint) continue;
    const auto& endpoint = *file->peers[0].endpoint;
    std::string shown;
    if (const auto* host = std::get_if<wg::HostEndpoint>(&endpoint)) {
      shown = fmt::format("{} {}", host->host, base::to_number(host->port));
    } else {
      shown = std::get<base::Endpoint>(endpoint).to_string();
    }
    if (c.expected == "same") {
      CHECK(shown == fmt::format("{} 51820", c.text.substr(0, c.text.size() - 6)));
    } else {
      CHECK(shown == c.expected);
    }
  }
}

TEST_CASE("what is wrong is said with its line") {
  struct Case {
    std::string name;
    std::string text;
    std::size_t line;
    std::string_view message;  // a part of it
  };
  const auto cases = std::to_array<Case>({
      {"key before a section", "PublicKey = x\n", 1, "before the first"},
      {"unknown section", "\n[Peers]\n", 2, "\"[Peers]\" is not a section"},
      {"section cut short", "[Peer\n", 1, "is not a section"},
      {"section with more", "[Peer] x\n", 1, "is not a section"},
      {"empty section name", "[]\n", 1, "is not a section"},
      {"one bracket", "[\n", 1, "is not a section"},
      {"unknown key of a peer", peer(alice, "AllowedIP = 10.0.0.1\n"), 3, "AllowedIPs"},
      {"unknown key of the interface", "[Interface]\nPeer = x\n", 2, "is not a key of [Interface]"},
      {"wg-quick's key in a peer", peer(alice, "MTU = 1420\n"), 3, "is not a key of [Peer]"},
      {"no equals sign", peer(alice, "Endpoint\n"), 3, "Key = value"},
      {"no public key", "\n[Peer]\nAllowedIPs = 10.0.0.1\n\n" + peer(bob), 2, "has no PublicKey"},
      {"no public key at the end", "[Peer]", 1, "has no PublicKey"},
      {"public key twice in a section", peer(alice, fmt::format("PublicKey = {}\n", bob)), 3,
       "is the line [Peer] above it missing"},
      {"same peer twice", peer(alice) + peer(alice), 4, "see line 1"},
      {"endpoint twice", peer(alice, "Endpoint = 1.2.3.4:5\nEndpoint = 1.2.3.4:6\n"), 4,
       "Endpoint a second time"},
      {"key one character short", peer(alice.substr(1)), 2, "is not a public key"},
      {"key one character long", peer(std::string(alice) + "="), 2, "is not a public key"},
      {"key with spare bits", peer("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh="), 2,
       "is not a public key"},
      {"key of zeros", peer(zero), 2, "is not a public key"},
      {"no key at all", peer(""), 2, "is not a public key"},
      {"preshared key", peer(alice, "PresharedKey = secret\n"), 3, "wg genpsk"},
      {"prefix too long", peer(alice, "AllowedIPs = 10.0.0.0/33\n"), 3, "\"10.0.0.0/33\""},
      {"no prefix behind the comma", peer(alice, "AllowedIPs = 10.0.0.0/8,\n AllowedIPs = ,\n"), 4,
       "is not an address block"},
      {"name as allowed ip", peer(alice, "AllowedIPs = example.org\n"), 3,
       "is not an address block"},
      {"negative length", peer(alice, "AllowedIPs = 10.0.0.0/-1\n"), 3, "is not an address block"},
      {"keepalive too long", peer(alice, "PersistentKeepalive = 65536\n"), 3, "0–65535"},
      {"keepalive in words", peer(alice, "PersistentKeepalive = on\n"), 3, "0–65535"},
      {"keepalive empty", peer(alice, "PersistentKeepalive =\n"), 3, "0–65535"},
      {"octets of no text", std::string("\0\xff\x1b[31m", 7), 1, "Key = value"},
  });
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const auto file = wg::parse_config_file(c.text);
    REQUIRE_FALSE(file.has_value());
    CHECK(file.error().line == c.line);
    CAPTURE(file.error().message);
    CHECK(file.error().message.find(c.message) != std::string::npos);
  }
}

TEST_CASE("messages never hold secrets, and nothing that a terminal obeys") {
  const std::string secret = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk";
  for (const std::string& text :
       {peer(alice, "PresharedKey = " + secret + "\n"), "[Interface]\nPrivatKey = " + secret + "\n",
        peer(alice, "PresharedKey " + secret + "\n"),
        peer(alice, "PreSharedKy=" + secret + "=\n")}) {
    const auto file = wg::parse_config_file(text);
    REQUIRE_FALSE(file.has_value());
    CHECK(file.error().message.find(secret) == std::string::npos);
  }
  const auto file = wg::parse_config_file(peer(alice, "\x1b[31m\xff = " + std::string(9999, 'x')));
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().message.find('\x1b') == std::string::npos);
  CHECK(file.error().message.size() < 300);
}

TEST_CASE("whose name a comment holds") {
  struct Case {
    std::string name;
    std::string text;
    std::string_view first;
    std::string_view second;
  };
  const std::string a = fmt::format("PublicKey = {}", alice);
  const std::string b = fmt::format("PublicKey = {}", bob);
  const auto cases = std::to_array<Case>({
      {"inside", "[Peer]\n# Name = x\n" + a + "\n[Peer]\n" + b + "\n# Name = y", "x", "y"},
      {"above", "# Name = x\n[Peer]\n" + a + "\n\n#name=y\n[Peer]\n" + b, "x", "y"},
      {"above an empty line: of the section before",
       "[Peer]\n" + a + "\n# Name = x\n\n[Peer]\n" + b, "x", ""},
      {"above another line: of the section before",
       "[Peer]\n# Name = x\n# more\n" + a + "\n[Peer]\n" + b, "x", ""},
      {"right above the next section: of that", "[Peer]\n" + a + "\n# Name = y\n[Peer]\n" + b, "",
       "y"},
      {"behind a key", "[Peer]\n" + a + " # Name = x\n[Peer] # Name = y\n" + b, "x", "y"},
      {"in the interface", "[Interface]\n# Name = host\nMTU=1\n[Peer]\n" + a + "\n[Peer]\n" + b, "",
       ""},
      {"above the interface", "[Peer]\n" + a + "\n# Name = x\n[Interface]\n[Peer]\n" + b, "x", ""},
      {"with nothing in it", "[Peer]\n# Name =\n" + a + "\n[Peer]\n" + b, "", ""},
      {"another word", "[Peer]\n# Nickname = x\n# Name: y\n" + a + "\n[Peer]\n" + b, "", ""},
  });
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const auto file = parse(c.text);
    REQUIRE(file.peers.size() == 2);
    CHECK(file.peers[0].name == c.first);
    CHECK(file.peers[1].name == c.second);
    CHECK(file.warnings.empty());
  }
}

TEST_CASE("names that cannot be a label, or are kept for keys, are skipped with a warning") {
  const std::string good63(63, 'a');
  for (const std::string& name : {std::string("Alice-2"), std::string("7"), good63,
                                  std::string(51, 'a'), std::string(52, '1')}) {
    CAPTURE(name);
    const auto file = parse(peer(alice, "# Name = " + name));
    CHECK(file.peers[0].name == name);
    CHECK(file.warnings.empty());
  }
  for (const std::string& name :
       {good63 + 'a', std::string("_alice"), std::string("alice smith"), std::string("a.b"),
        std::string("-a"), std::string("a-"), std::string(52, 'a'), std::string(52, 'Z'),
        std::string(56, '7'), std::string("b\xc3\xbc")}) {
    CAPTURE(name);
    const auto file = parse(peer(alice, "\n# Name = " + name + "\n"));
    CHECK(file.peers[0].name.empty());
    REQUIRE(file.warnings.size() == 1);
    CHECK(file.warnings[0].line == 4);
    CHECK(file.warnings[0].message.find("is skipped") != std::string::npos);
  }
  const auto file = parse(peer(alice, "# Name = a\n# Name = b\n"));
  CHECK(file.peers[0].name == "a");
  REQUIRE(file.warnings.size() == 1);
  CHECK(file.warnings[0].line == 4);
}

TEST_CASE("every beginning of a file is read or refused, line by line") {
  const std::string text =
      "# Name = a\n" + peer(alice, "AllowedIPs = 10.0.0.1/32, ::/0\nEndpoint = [::1]:5\n");
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const auto file = wg::parse_config_file(std::string_view(text).substr(0, size));
    if (!file) CHECK(file.error().line >= 1);
    if (size == text.size()) CHECK(file.has_value());
  }
}

TEST_CASE("the time of a long file grows with its length only") {
  std::string text;
  constexpr unsigned count = 50'000;
  for (unsigned i = 0; i < count; ++i) {
    base::Octets32 octets{};
    octets[0] = static_cast<std::uint8_t>(i);
    octets[1] = static_cast<std::uint8_t>(i >> 8U);
    octets[31] = 1;
    text += fmt::format("# Name = p{}\n[Peer]\nPublicKey = {}\nAllowedIPs = 10.0.{}.{}/32\n\n", i,
                        base::to_base64(octets), i >> 8U, i & 0xffU);
  }
  const auto start = std::chrono::steady_clock::now();
  const auto file = parse(text);
  CHECK(file.peers.size() == count);
  CHECK(file.peers.back().name == fmt::format("p{}", count - 1));
  CHECK(std::chrono::steady_clock::now() - start <
        std::chrono::seconds(20));  // 0.5 s with sanitizers
}

}  // namespace
