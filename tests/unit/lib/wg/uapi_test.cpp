#include "wg/uapi.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>

namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using Time = std::chrono::sys_time<nanoseconds>;

constexpr Time now{seconds(1'800'000'000)};

// A pair that `wg pubkey` computed.
constexpr std::string_view private_key =
    "77076d0a7318a57d3c16c17251b26645df4c2f92ebc099fb9b36fe4f6c1a2d77";
constexpr std::string_view own_key =
    "3c931ac3b6764f70cd9fd5aee17216584fd4700e454c79f47c23ba9d34727372";
constexpr std::string_view alice =
    "c53201039adba14be71f886da1d8dbe9eebded08cb111b75340078999aa9f038";
constexpr std::string_view bob = "54f640cb2badf558e3d08c03936d948ba3146f557bd3191041d786c2073d476b";
constexpr std::string_view psk = "705d5cef367159c8809401df2f5d24bd31903a7ac2ccd3c1de0c5434c238124f";

base::Expected<wg::UapiReply, wg::UapiError> read(std::string_view text) {
  wg::UapiReader reader(now);
  reader.feed(text);
  return std::move(reader).finish();
}

wg::UapiReply reply(const std::string& text) {
  auto result = read(text);
  if (!result) FAIL(fmt::format("line {}: {}", result.error().line, result.error().message));
  return std::move(*result);
}

/// The output of wireguard-go 0.0.20220316, with other keys.
std::string whole_reply() {
  return fmt::format(
      "private_key={}\nlisten_port=51820\nfwmark=17\n"
      "public_key={}\npreshared_key={}\nprotocol_version=1\nendpoint=203.0.113.10:999\n"
      "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=5\ntx_bytes=148\n"
      "rx_bytes=18446744073709551615\npersistent_keepalive_interval=25\n"
      "allowed_ip=10.0.0.1/32\nallowed_ip=fd00::/64\n"
      "public_key={}\npreshared_key={}\nprotocol_version=1\nendpoint=[2001:db8::1]:5\n"
      "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n"
      "persistent_keepalive_interval=0\nerrno=0\n\n",
      private_key, alice, psk, bob, std::string(64, '0'));
}

TEST_CASE("what wireguard-go answers becomes a device") {
  const auto result = reply(whole_reply());
  CHECK(result.error == 0);
  CHECK_FALSE(result.is_boringtun);
  const wg::Device& device = result.device;
  REQUIRE(device.public_key.has_value());
  CHECK(device.public_key->to_hex() == own_key);
  CHECK(device.listen_port == base::Port{51820});
  CHECK(device.firewall_mark == 17);
  REQUIRE(device.peers.size() == 2);
  const wg::DevicePeer& first = device.peers[0];
  CHECK(first.public_key.to_hex() == alice);
  CHECK(first.endpoint == base::Endpoint::parse("203.0.113.10:999"));
  CHECK(first.latest_handshake == Time(seconds(1'700'000'000) + nanoseconds(5)));
  CHECK(first.tx_bytes == 148);
  CHECK(first.rx_bytes == UINT64_MAX);
  CHECK(first.persistent_keepalive == seconds(25));
  REQUIRE(first.allowed_ips.size() == 2);
  CHECK(first.allowed_ips[1].to_string() == "fd00::/64");
  const wg::DevicePeer& second = device.peers[1];
  CHECK(second.public_key.to_hex() == bob);
  CHECK(second.endpoint == base::Endpoint::parse("[2001:db8::1]:5"));
  CHECK_FALSE(second.latest_handshake.has_value());
  CHECK(second.allowed_ips.empty());
}

TEST_CASE("the pieces in which a reply arrives do not matter") {
  const std::string text = whole_reply();
  const auto whole = reply(text);
  for (std::size_t size = 1; size < text.size(); ++size) {
    wg::UapiReader reader(now);
    bool wants_more = true;
    for (std::size_t at = 0; at < text.size(); at += size) {
      REQUIRE(wants_more);
      wants_more = reader.feed(std::string_view(text).substr(at, size));
    }
    CHECK_FALSE(wants_more);
    const auto result = std::move(reader).finish();
    REQUIRE(result.has_value());
    REQUIRE(result->device.peers == whole.device.peers);
    REQUIRE(result->device.public_key == whole.device.public_key);
  }
}

TEST_CASE("a reply that is cut short is no reply") {
  const std::string text = whole_reply();
  for (std::size_t size = 0; size + 1 < text.size(); ++size)
    REQUIRE_FALSE(read(std::string_view(text).substr(0, size)).has_value());
  CHECK(
      read(std::string_view(text).substr(0, text.size() - 1)).has_value());  // errno=0 and its end
}

TEST_CASE("a device without a private key has no public one") {
  CHECK_FALSE(reply("errno=0\n\n").device.public_key.has_value());
  CHECK_FALSE(
      reply(fmt::format("private_key={:064}\nerrno=0\n\n", 0)).device.public_key.has_value());
}

TEST_CASE("verdicts, as wireguard-go and boringtun write them") {
  CHECK(reply("errno=0\n\n").error == 0);
  CHECK(reply("errno=-22\n\n").error == 22);
  CHECK(reply("errno=22\n\n").error == 22);
  CHECK(reply("errno=1\n").error == 1);
  CHECK(reply("errno=0\n\nwhat follows the end is not read\n").error == 0);
}

TEST_CASE("boringtun shows its own key and the age of a handshake") {
  const auto result = reply(fmt::format(
      "own_public_key={}\nlisten_port=1\npublic_key={}\nendpoint=192.0.2.1:7\nallowed_ip=10.0.0.1/"
      "32\n"
      "last_handshake_time_sec=100\nlast_handshake_time_nsec=7\nrx_bytes=1\ntx_bytes=2\n"
      "public_key={}\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\nrx_bytes=0\ntx_bytes="
      "0\n"
      "public_key={}\nrx_bytes=0\ntx_bytes=0\nerrno=0\n\n",
      own_key, alice, bob, psk));
  CHECK(result.is_boringtun);
  CHECK(result.device.public_key->to_hex() == own_key);
  REQUIRE(result.device.peers.size() == 3);
  CHECK(result.device.peers[0].latest_handshake == now - seconds(101));  // a whole second
  CHECK(result.device.peers[1].latest_handshake == now);                 // just now, not never
  CHECK_FALSE(result.device.peers[2].latest_handshake.has_value());
}

TEST_CASE("two readings of one handshake of boringtun agree") {
  const auto read_at = [](nanoseconds asked, nanoseconds written) {
    const auto age = seconds(100) + std::chrono::milliseconds(250) + written;
    wg::UapiReader reader(now + asked);
    reader.feed(
        fmt::format("own_public_key={}\npublic_key={}\nlast_handshake_time_sec={}\nlast_handshake_"
                    "time_nsec={}\n"
                    "errno=0\n\n",
                    own_key, alice, age / seconds(1), (age % seconds(1)) / nanoseconds(1)));
    return std::move(reader).finish()->device.peers[0].latest_handshake;
  };
  CHECK(read_at(seconds(0), seconds(0)) == read_at(seconds(1), std::chrono::milliseconds(1003)));
}

TEST_CASE("endpoints that a device may show although nobody can be told them") {
  struct Case {
    std::string_view text;
    std::string_view expected;
  };
  constexpr auto cases = std::to_array<Case>({
      {"[::ffff:192.0.2.1]:7", "192.0.2.1:7"},
      {"[fe80::1%eth0]:7", "[fe80::1]:7"},
      {"192.0.2.1:0", "192.0.2.1:0"},
      {"0.0.0.0:65535", "0.0.0.0:65535"},
  });
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto result = reply(fmt::format("public_key={}\nendpoint={}\nerrno=0\n", alice, c.text));
    REQUIRE(result.device.peers[0].endpoint.has_value());
    CHECK(result.device.peers[0].endpoint->to_string() == c.expected);
  }
}

TEST_CASE("keys that are not known are skipped, so are preshared keys") {
  const auto result = reply(fmt::format(
      "new_thing=1\npublic_key={}\npreshared_key=anything\nnewer=\n=\nerrno=0\n\n", alice));
  CHECK(result.device.peers.size() == 1);
}

TEST_CASE("a peer that comes twice stands once") {
  const auto result = reply(fmt::format(
      "public_key={0}\nallowed_ip=10.0.0.1/32\npublic_key={1}\npublic_key={0}\nallowed_ip=10.0.0.2/"
      "32\nrx_bytes=5\nerrno=0\n\n",
      alice, bob));
  REQUIRE(result.device.peers.size() == 2);
  CHECK(result.device.peers[0].allowed_ips.size() == 2);
  CHECK(result.device.peers[0].rx_bytes == 5);
}

TEST_CASE("wrong lines are refused by number, without repeating them") {
  struct Case {
    std::string text;
    std::size_t line;
    std::string_view message;
  };
  const std::string peer = fmt::format("public_key={}\n", alice);
  const std::string long_line(wg::UapiReader::max_line, 'x');
  const auto cases = std::to_array<Case>({
      {"", 0, "without errno="},
      {"\n", 0, "without errno="},
      {"\n\n", 0, "without errno="},
      {"listen_port=1\n\nerrno=0\n\n", 0, "without errno="},
      {"garbage\n", 1, "not key=value"},
      {std::string("\0\0\n", 3), 1, "not key=value"},
      {"errno=0\nlisten_port=1\n", 2, "follows errno="},
      {"errno=0\nerrno=0\n", 2, "follows errno="},
      {"errno=\n", 1, "errno="},
      {"errno=x\n", 1, "errno="},
      {"errno=-32769\n", 1, "errno="},
      {"errno=-9223372036854775808\n", 1, "errno="},
      {"errno=0 \n", 1, "errno="},
      {"errno=0\r\n\r\n", 1, "errno="},
      {"endpoint=1.2.3.4:5\n", 1, "before the first public_key="},
      {"public_key=\n", 1, "public_key="},
      {fmt::format("public_key={}0\n", alice), 1, "public_key="},
      {fmt::format("public_key={}\n", alice.substr(1)), 1, "public_key="},
      {fmt::format("public_key={}g\n", alice.substr(1)), 1, "public_key="},
      {fmt::format("private_key={}\n", psk.substr(1)), 1, "private_key="},
      {fmt::format("private_key={}0\n", psk), 1, "private_key="},
      {fmt::format("private_key={}-1\n", psk.substr(2)), 1, "private_key="},
      {fmt::format("private_key={}0x\n", psk.substr(2)), 1, "private_key="},
      {"own_public_key=00\n", 1, "own_public_key="},
      {"listen_port=65536\n", 1, "listen_port="},
      {"listen_port=-1\n", 1, "listen_port="},
      {"fwmark=4294967296\n", 1, "fwmark="},
      {"fwmark=0x10\n", 1, "fwmark="},
      {peer + "endpoint=\n", 2, "endpoint="},
      {peer + "endpoint=1.2.3.4\n", 2, "endpoint="},
      {peer + "endpoint=1.2.3.4:65536\n", 2, "endpoint="},
      {peer + "endpoint=::1:5\n", 2, "endpoint="},
      {peer + "endpoint=[1.2.3.4]:5\n", 2, "endpoint="},
      {peer + "endpoint=[%eth0]:5\n", 2, "endpoint="},
      {peer + "endpoint=example.org:5\n", 2, "endpoint="},
      {peer + "last_handshake_time_sec=-1\n", 2, "last_handshake_time_sec="},
      {peer + "last_handshake_time_sec=9223372036854775807\n", 2, "last_handshake_time_sec="},
      {peer + "last_handshake_time_sec=9223372036854775808\n", 2, "last_handshake_time_sec="},
      {peer + "last_handshake_time_nsec=1000000000\n", 2, "last_handshake_time_nsec="},
      {peer + "rx_bytes=18446744073709551616\n", 2, "rx_bytes="},
      {peer + "tx_bytes=1.5\n", 2, "tx_bytes="},
      {peer + "persistent_keepalive_interval=off\n", 2, "persistent_keepalive_interval="},
      {peer + "persistent_keepalive_interval=65536\n", 2, "persistent_keepalive_interval="},
      {peer + "allowed_ip=10.0.0.0/33\n", 2, "allowed_ip="},
      {peer + "allowed_ip=\n", 2, "allowed_ip="},
      {"a=" + long_line + "\nerrno=0\n\n", 1, "longer than 256"},
      {peer + long_line + long_line, 2, "longer than 256"},
  });
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto result = read(c.text);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().line == c.line);
    CHECK(result.error().message.find(c.message) != std::string::npos);
    CHECK(result.error().message.find("x x") == std::string::npos);
    CHECK(result.error().message.find(psk.substr(2)) == std::string::npos);
  }
}

TEST_CASE("the longest line is read, whole or in pieces") {
  std::string line = "new_thing=";
  line.append(wg::UapiReader::max_line - line.size(), 'x');
  CHECK(read(line + "\nerrno=0\n\n").has_value());
  wg::UapiReader reader(now);
  reader.feed(std::string_view(line).substr(0, 200));
  reader.feed(std::string_view(line).substr(200));
  reader.feed("\nerrno=0\n\n");
  CHECK(std::move(reader).finish().has_value());
}

TEST_CASE("a line that grows too long piece by piece is refused") {
  wg::UapiReader reader(now);
  const std::string piece(wg::UapiReader::max_line / 2, 'x');
  CHECK(reader.feed(piece));
  CHECK(reader.feed(piece));
  CHECK_FALSE(reader.feed("x"));
  CHECK_FALSE(std::move(reader).finish().has_value());
}

TEST_CASE("times at the ends of what can be told do not overflow") {
  const std::string latest = fmt::format(
      "public_key={}\nlast_handshake_time_sec=9223372035\nlast_handshake_time_nsec=999999999\n"
      "errno=0\n\n",
      alice);
  CHECK(reply(latest).device.peers[0].latest_handshake->time_since_epoch().count() ==
        9'223'372'035'999'999'999);
  CHECK(reply(fmt::format("own_public_key={}\n", own_key) + latest)
            .device.peers[0]
            .latest_handshake.has_value());
}

TEST_CASE("a reply without end is given up") {
  const std::string line = "new_thing=1\n";
  wg::UapiReader reader(now, 1000 * line.size());
  for (int i = 0; i < 1000; ++i) REQUIRE(reader.feed(line));
  CHECK_FALSE(reader.feed("e"));
  const auto result = std::move(reader).finish();
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().message == "the reply does not end");
}

TEST_CASE("a request names each peer update-only, in order") {
  const auto key = *wg::PublicKey::parse_hex(alice);
  const auto other = *wg::PublicKey::parse_hex(bob);
  const std::array<wg::PeerUpdate, 4> updates = {{
      {key, base::Endpoint::parse("203.0.113.10:51820"), seconds(0)},
      {key, std::nullopt, seconds(25)},
      {other, base::Endpoint::parse("[2001:db8::1]:1"), std::nullopt},
      {other, std::nullopt, std::nullopt},
  }};
  CHECK(wg::write_uapi_set(updates) ==
        fmt::format("set=1\n"
                    "public_key={0}\nupdate_only=true\nendpoint=203.0.113.10:51820\n"
                    "persistent_keepalive_interval=0\n"
                    "public_key={0}\nupdate_only=true\npersistent_keepalive_interval=25\n"
                    "public_key={1}\nupdate_only=true\nendpoint=[2001:db8::1]:1\n"
                    "public_key={1}\nupdate_only=true\n\n",
                    alice, bob));
  CHECK(wg::write_uapi_set({}) == "set=1\n\n");
}

TEST_CASE("a request that replaces allowed-ips, takes them away, or moves them to a peer") {
  const auto key = *wg::PublicKey::parse_hex(alice);
  const auto other = *wg::PublicKey::parse_hex(bob);
  const auto prefix = [](const char* text) { return *base::Prefix::parse(text); };
  const std::array<wg::PeerUpdate, 3> updates = {{
      {other, std::nullopt, std::nullopt, {}, {prefix("10.0.0.3/32"), prefix("fd00::3/128")}},
      {key, std::nullopt, std::nullopt, std::vector<base::Prefix>()},
      {key, std::nullopt, seconds(25), {{prefix("10.0.0.4/32")}}},
  }};
  CHECK(wg::write_uapi_set(updates) ==
        fmt::format("set=1\n"
                    "public_key={1}\nupdate_only=true\n"
                    "allowed_ip=10.0.0.3/32\nallowed_ip=fd00::3/128\n"
                    "public_key={0}\nupdate_only=true\nreplace_allowed_ips=true\n"
                    "public_key={0}\nupdate_only=true\npersistent_keepalive_interval=25\n"
                    "replace_allowed_ips=true\nallowed_ip=10.0.0.4/32\n\n",
                    alice, bob));
}

TEST_CASE("a request that changes, removes and adds peers") {
  const wg::Membership change{
      {{*wg::PublicKey::parse_hex(bob),
        {*base::Prefix::parse("10.0.0.3/32"), *base::Prefix::parse("fd00::3/128")}}},
      {*wg::PublicKey::parse_hex(alice)}};
  CHECK(wg::write_uapi_membership(change) ==
        fmt::format("set=1\n"
                    "public_key={0}\nupdate_only=true\nremove=true\n"
                    "public_key={1}\nreplace_allowed_ips=true\n"
                    "allowed_ip=10.0.0.3/32\nallowed_ip=fd00::3/128\n\n",
                    alice, bob));
  CHECK(wg::write_uapi_membership({}) == "set=1\n\n");
  wg::Membership moved;
  moved.removed = {*wg::PublicKey::parse_hex(alice)};
  moved.before = {{*wg::PublicKey::parse_hex(bob),
                   std::nullopt,
                   std::nullopt,
                   {},
                   {*base::Prefix::parse("10.0.0.3/32")}}};
  CHECK(wg::write_uapi_membership(moved) ==
        fmt::format("set=1\npublic_key={1}\nupdate_only=true\nallowed_ip=10.0.0.3/32\n"
                    "public_key={0}\nupdate_only=true\nremove=true\n\n",
                    alice, bob));
}

}  // namespace
