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
#include <vector>

namespace {

// Keys that `wg genkey | wg pubkey` made.
constexpr std::string_view alice = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
constexpr std::string_view bob = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
constexpr std::string_view zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A file without errors.
wg::ConfigFile parse(const std::string& text) {
  auto file = wg::parse_config_file(text);
  for (const wg::ConfigError& error : file.errors)
    FAIL(fmt::format("line {}: {}", error.line, error.message));
  return file;
}

std::string peer(std::string_view key, std::string_view more = "") {
  return fmt::format("[Peer]\nPublicKey = {}\n{}", key, more);
}

TEST_CASE("a whole wg-quick file") {
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
ENDPOINT = [2001:db8::1]:1
persistentkeepalive = off
#name=bob
)",
                                      alice, bob));
  CHECK(file.warnings.empty());
  CHECK(file.interface.private_key.has_value());
  CHECK(file.interface.listen_port == 51820);
  CHECK(file.interface.fwmark == 17U);
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

TEST_CASE("endpoints that are no address stay as they are written, for getaddrinfo") {
  struct Case {
    std::string_view text;
    std::string_view host;
  };
  const auto cases = std::to_array<Case>({
      {"Vpn-1.Example.ORG.:51820", "Vpn-1.Example.ORG."},
      {"[h]:51820", "h"},
      {"0x.org4:51820", "0x.org4"},
      {"_wireguard.example.org:51820", "_wireguard.example.org"},
      {"a..org:51820", "a..org"},
      {"[fe80::1%eth0]:51820", "fe80::1%eth0"},
      {"fe80::1%eth0:51820", "fe80::1%eth0"},
      {"2001:db8::1%7:51820", "2001:db8::1%7"},
      {"*:51820", "*"},
  });
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto file = parse(peer(alice, fmt::format("Endpoint = {}\n", c.text)));
    const auto* host = std::get_if<wg::HostEndpoint>(&file.peers[0].endpoint.value());
    REQUIRE(host != nullptr);
    CHECK(host->host == c.host);
    CHECK(base::to_number(host->port) == 51820);
  }
}

TEST_CASE("what is wrong is said with its line, and costs its section") {
  struct Case {
    std::string name;
    std::string text;
    std::size_t line;
    std::string_view message;  // a part of it
  };
  const auto cases = std::to_array<Case>({
      {"unknown section", "\n[Peers]\nAnything\n", 2, "\"[Peers]\" is not a section"},
      {"section cut short", "[Peer\n", 1, "is not a section"},
      {"section with more", "[Peer] x\n", 1, "is not a section"},
      {"unknown key of a peer", peer(alice, "AllowedIP = 10.0.0.1\n"), 3, "AllowedIPs"},
      {"wg-quick's key in a peer", peer(alice, "MTU = 1420\n"), 3, "is not a key of [Peer]"},
      {"no equals sign", peer(alice, "Endpoint\n"), 3, "Key = value"},
      {"no value", peer(alice, "AllowedIPs =\n"), 3, "\"AllowedIPs\" has no value"},
      {"no public key", "\n[Peer]\nAllowedIPs = 10.0.0.1\n\n", 2, "has no PublicKey"},
      {"an empty peer", "[Peer]\n", 1, "has no PublicKey"},
      {"key one character short", peer(alice.substr(1)), 2, "is not a public key"},
      {"preshared key", peer(alice, "PresharedKey = secret\n"), 3, "wg genpsk"},
      {"prefix too long", peer(alice, "AllowedIPs = 10.0.0.0/33\n"), 3, "\"10.0.0.0/33\""},
      {"comma at the end", peer(alice, "AllowedIPs = 10.0.0.0/8,\n"), 3, "none at the end"},
      {"keepalive too long", peer(alice, "PersistentKeepalive = 65536\n"), 3, "0–65535"},
      {"endpoint", peer(alice, "Endpoint = 1.2.3.256:5\n"), 3, "is not an endpoint"},
  });
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const auto file = wg::parse_config_file(peer(bob) + c.text + "[Interface]\nListenPort = 4\n");
    REQUIRE(file.errors.size() == 1);
    CHECK(file.errors[0].line == c.line + 2);
    CAPTURE(file.errors[0].message);
    CHECK(file.errors[0].message.find(c.message) != std::string::npos);
    CHECK(file.errors[0].message.find("left out") != std::string::npos);
    REQUIRE(file.peers.size() == 1);
    CHECK(file.peers[0].public_key.to_base64() == bob);
    CHECK(file.interface.listen_port == 4);
    CHECK(file.lost_keys.size() + file.lost_unknown == 1);
  }
}

TEST_CASE("every wrong line is said, and whose peer is lost") {
  const auto file = wg::parse_config_file(
      peer(alice, "Endpoint = x\nAllowedIPs = y\n# Name = a\nz\n") + "[Peer]\nPublicKey = w\n");
  REQUIRE(file.errors.size() == 4);
  CHECK(file.errors[0].line == 3);
  CHECK(file.errors[1].line == 4);
  CHECK(file.errors[2].line == 6);
  CHECK(
      file.errors[2].message.ends_with("; the peer a (xTIB…p8Dg) of the [Peer] in line 1 is left "
                                       "out"));
  CHECK(file.errors[3].line == 8);
  REQUIRE(file.lost_keys.size() == 1);
  CHECK(file.lost_keys[0].to_base64() == alice);
  CHECK(file.lost_unknown == 1);
}

TEST_CASE("a line outside a section costs the peers of the file, and the rest is checked, too") {
  const auto file = wg::parse_config_file("PublicKey = x\nnonsense\n" + peer(alice) +
                                          peer(bob, "Endpoint = x\n"));
  CHECK(file.peers.empty());
  REQUIRE(file.errors.size() == 2);
  CHECK(file.errors[0].line == 1);
  CHECK(file.errors[0].message.find("before the first [Interface]") != std::string::npos);
  CHECK(file.errors[1].line == 7);
  CHECK(file.lost_keys.size() == 2);
  CHECK(file.lost_unknown == 1);
  const auto marked = wg::parse_config_file("\xef\xbb\xbf[Interface]\n" + peer(alice));
  REQUIRE(marked.errors.size() == 1);
  CHECK(marked.errors[0].message.find("a byte order mark") != std::string::npos);
  CHECK(marked.peers.empty());
  const auto wide = wg::parse_config_file("\xff\xfe[" + peer(alice));
  REQUIRE(wide.errors.size() == 1);
  CHECK(wide.errors[0].message.find("UTF-16") != std::string::npos);
}

TEST_CASE("a peer with a wrong section and a right one is not lost") {
  const auto file =
      wg::parse_config_file(peer(alice, "Endpoint = x\n") + peer(alice, "AllowedIPs = ::/0\n"));
  REQUIRE(file.peers.size() == 1);
  CHECK(file.peers[0].allowed_ips.size() == 1);
  CHECK(file.errors.size() == 1);
  CHECK(file.lost_keys.empty());
}

TEST_CASE("a wrong line of the interface costs what it sets") {
  const auto file = wg::parse_config_file(
      "[Interface]\nPrivateKey = abc\nListenPort = 4\nFwMark = zzz\nAddress = 10.0.0.300/24, "
      "fd00::1\n"
      "SaveConfig = on\nAllowedIPs = ::/0\nA d d r e s s = 10.0.0.1\n" +
      peer(alice));
  std::vector<std::size_t> lines;
  for (const wg::ConfigError& error : file.errors) lines.push_back(error.line);
  CHECK(lines == std::vector<std::size_t>{2, 4, 5, 6, 7, 8});
  CHECK_FALSE(file.interface.private_key.has_value());
  CHECK_FALSE(file.interface.fwmark.has_value());
  CHECK(file.interface.listen_port == 4);
  CHECK(file.peers.size() == 1);
  CHECK(parse("[Interface]\nAddress = 10.0.0.1/255.255.255.0, 10.0.0.2, fd00::1/64\n")
            .warnings.empty());
}

TEST_CASE("what WireGuard takes and nobody means is a warning with its line") {
  struct Case {
    std::string text;
    std::size_t line;
    std::string_view message;  // a part of it
    std::size_t peers;
  };
  const auto cases = std::to_array<Case>({
      {"[Interface]\nJc = 4\n", 2, "\"Jc\" in [Interface] is left out", 0},
      {peer(alice, fmt::format("PublicKey = {}\n", bob)), 3, "is the line [Peer] above it missing",
       1},
      {peer(alice) + peer(alice), 3, "has a [Peer] in line 1 already", 1},
      {peer(alice, "AllowedIPs = ::/0\n") + peer(bob, "AllowedIPs = ::/0\n"), 4,
       "::/0 is also in the [Peer] of line 1: WireGuard gives it to (TrMv", 2},
      {peer(zero), 1, "public key of zeros", 0},
  });
  for (const Case& c : cases) {
    const auto file = parse(c.text);
    REQUIRE(file.warnings.size() == 1);
    CHECK(file.warnings[0].line == c.line);
    CAPTURE(file.warnings[0].message);
    CHECK(file.warnings[0].message.find(c.message) != std::string::npos);
    CHECK(file.peers.size() == c.peers);
  }
}

TEST_CASE(
    "messages never hold secrets, and nothing that a terminal obeys, and their number is limited") {
  const std::string secret = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk";
  for (const std::string& text :
       {peer(alice, "PresharedKey = " + secret + "\n"), "[Interface]\nPrivatKey = " + secret + "\n",
        "[Interface]\nPrivateKey = " + secret + "\n", "[Interface] PrivateKey = " + secret + "=\n",
        "[PrivateKey = " + secret + "=\n", "[Peer]=" + secret + "=]\n",
        peer(alice, "PresharedKey " + secret + "\n"), "PresharedKey " + secret + "=\n",
        peer(alice, "PreSharedKy=" + secret + "=\n")}) {
    CAPTURE(text);
    const auto file = wg::parse_config_file(text);
    CHECK(file.errors.size() + file.warnings.size() == 1);
    for (const auto& list : {file.errors, file.warnings}) {
      for (const wg::ConfigError& error : list) {
        CAPTURE(error.message);
        CHECK(error.message.find(secret.substr(0, 20)) == std::string::npos);
      }
    }
  }
  const auto file = wg::parse_config_file(peer(alice, "\x1b[31m\xff = " + std::string(9999, 'x')));
  REQUIRE(file.errors.size() == 1);
  CHECK(file.errors[0].message.find('\x1b') == std::string::npos);
  CHECK(file.errors[0].message.size() < 300);
  std::string many = "[Peer]\n";
  for (std::size_t i = 0; i < 2 * wg::max_config_errors; ++i) many += "x\n";
  CHECK(wg::parse_config_file(many).errors.size() == wg::max_config_errors);
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
      {"another word", "[Peer]\n# Nickname = x\n" + a + "\n[Peer]\n" + b, "", ""},
      {"above, with more lines", "# Name = x\n# more\n[Peer]\n" + a + "\n[Peer]\n" + b, "x", ""},
      {"a name goes before a marker", "### Client z\n[Peer]\n# Name = x\n" + a + "\n[Peer]\n" + b,
       "x", ""},
      {"a lone word", "[Peer]\n# x\n" + a + "\n# y\n[Peer]\n" + b, "x", "y"},
      {"a lone word beside another comment", "[Peer]\n# x\n# y z\n" + a + "\n# y\n\n[Peer]\n" + b,
       "", ""},
      {"a lone word at the end of a section", "[Peer]\n" + a + "\n# x\n\n[Peer]\n" + b, "x", ""},
      {"a lone word behind an empty line",
       "[Peer]\n" + a + "\n\n# x\n\n[Peer]\n" + b + "\n\n# y\nAllowedIPs = 10.0.0.3", "", "y"},
      {"below the end of a section", "[Peer]\n" + a + "\n# x\n# x end\n[Peer]\n" + b, "", ""},
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

TEST_CASE("a name that is no label is made one, or skipped, with a warning") {
  const std::string good63(63, 'a');
  for (const std::string& name : {std::string("Alice-2"), std::string("7"), good63,
                                  std::string(51, 'a'), std::string(52, '1')}) {
    CAPTURE(name);
    const auto file = parse(peer(alice, "# Name = " + name));
    CHECK(file.peers[0].name == name);
    CHECK(file.warnings.empty());
  }
  for (const auto& [name, made] :
       std::to_array<std::pair<std::string, std::string>>({{good63 + 'a', good63},
                                                           {"_alice", "alice"},
                                                           {"alice smith", "alice-smith"},
                                                           {"a.b", "a"},
                                                           {"a-", "a"},
                                                           {std::string(52, 'a'), ""},
                                                           {std::string(56, '7'), ""},
                                                           {"\xc3\xbc", ""}})) {
    CAPTURE(name);
    const auto file = parse(peer(alice, "\n# Name = " + name + "\n"));
    REQUIRE(file.peers.size() == 1);
    CHECK(file.peers[0].name == made);
    REQUIRE(file.warnings.size() == 1);
    CHECK(file.warnings[0].line == 4);
    CHECK(file.warnings[0].message.find(made.empty() ? "is skipped" : "becomes \"" + made + '"') !=
          std::string::npos);
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
    for (const wg::ConfigError& error : file.errors) CHECK(error.line >= 1);
    if (size == text.size()) CHECK(file.errors.empty());
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
