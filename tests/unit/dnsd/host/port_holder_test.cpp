#include "dnsd/host/port_holder.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "dnsd/listen/listen_socket.hpp"

namespace {

// Lines of a little-endian machine: resolved on 127.0.0.53, dnsmasq on 0.0.0.0, a connection, and
// garbage.
constexpr const char* table =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "  101: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 "
    "20412 2\n"
    "  102: 00000000:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "20413 2\n"
    "  103: 0100007F:C350 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 "
    "20414 2\n"
    "  104: 0100007F 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20415 "
    "2\n"
    "  105: 0100007F:003Z 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
    "20416 2\n"
    "  106: 0100:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20417 "
    "2\n"
    "  107: 0100007F:0035 00000000:0000 07\n";

base::Endpoint at(const char* text) {
  const auto result = base::Endpoint::parse(text);
  REQUIRE(result);
  return *result;
}

}  // namespace

TEST_CASE("open sockets are read from the kernel's table, other lines are skipped") {
  const auto sockets = dnsd::parse_open_sockets(table);
  REQUIRE(sockets.size() == 3);
  CHECK(sockets[0] == dnsd::OpenSocket{at("127.0.0.53:53"), 20412, false});
  CHECK(sockets[1] == dnsd::OpenSocket{at("0.0.0.0:53"), 20413, true});
  CHECK(sockets[2] == dnsd::OpenSocket{at("127.0.0.1:50000"), 20414, false});
}

TEST_CASE("IPv6 sockets, mapped addresses unmapped") {
  const std::string rest = " 00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 7 2\n";
  const auto sockets = dnsd::parse_open_sockets("1: B80D0120000000000000000001000000:0035" + rest +
                                                "2: 0000000000000000FFFF00000100007F:0035" + rest);
  REQUIRE(sockets.size() == 2);
  CHECK(sockets[0].local == at("[2001:db8::1]:53"));
  CHECK(sockets[1].local == at("127.0.0.1:53"));
}

TEST_CASE("every prefix of the table is survived") {
  const std::string text = table;
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK(dnsd::parse_open_sockets(text.substr(0, size)).size() <= 3);
  }
}

TEST_CASE("addresses overlap when they are equal or one is the wildcard of the family") {
  CHECK(dnsd::overlap(at("127.0.0.1:53"), at("127.0.0.1:53")));
  CHECK(dnsd::overlap(at("0.0.0.0:53"), at("127.0.0.1:53")));
  CHECK(dnsd::overlap(at("[2001:db8::1]:53"), at("[::]:53")));
  CHECK_FALSE(dnsd::overlap(at("127.0.0.1:53"), at("127.0.0.2:53")));
  CHECK_FALSE(dnsd::overlap(at("127.0.0.1:53"), at("127.0.0.1:54")));
  CHECK_FALSE(dnsd::overlap(at("0.0.0.0:53"), at("[::1]:53")));
}

TEST_CASE("the holder of an address is found by name and process") {
  const base::IpAddress loopback(std::array<std::uint8_t, 4>{127, 0, 0, 1});
  auto first = dnsd::open_listen_sockets({.endpoint = {loopback, base::Port{0}}}, 1,
                                         dnsd::Sharing::exclusive);
  REQUIRE(first);
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  void* raw = &storage;
  REQUIRE(::getsockname(first->udp[0].get(), static_cast<sockaddr*>(raw), &length) == 0);
  const auto place = base::Endpoint::from_sockaddr(storage);
  REQUIRE(place);

  const auto holder = dnsd::find_port_holder(dns::Transport::udp, *place);
  REQUIRE(holder);
  CHECK(holder->process == std::to_string(::getpid()));
  CHECK(holder->local == *place);
  CHECK(std::string("dnsd_host_test").starts_with(holder->program));

  const auto second = dnsd::open_listen_sockets({.endpoint = *place}, 1, dnsd::Sharing::exclusive);
  REQUIRE_FALSE(second);
  CHECK(second.error().transport == dns::Transport::udp);
  CHECK(second.error().code == std::error_code(EADDRINUSE, std::generic_category()));
}
