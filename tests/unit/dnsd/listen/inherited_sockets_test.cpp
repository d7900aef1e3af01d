#include "dnsd/listen/inherited_sockets.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/listen/listeners.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

using dnsd::InheritedSockets;
using dnsd::View;

constexpr int first = 200;  // far above the descriptors that a test process has open

const base::Endpoint loopback{*base::IpAddress::parse("127.0.0.1"), base::Port{0}};
const base::Endpoint loopback_ipv6{*base::IpAddress::parse("::1"), base::Port{0}};

/// Puts a descriptor where a service manager would. \return the endpoint that it is bound to.
base::Endpoint pass(int descriptor, int type, const base::Endpoint& place = loopback,
                    bool listening = true) {
  const base::FileDescriptor made(::socket(place.address.is_ipv4() ? AF_INET : AF_INET6, type, 0));
  sockaddr_storage storage{};
  socklen_t size = place.to_sockaddr(storage);
  void* raw = &storage;
  REQUIRE(::bind(made.get(), static_cast<sockaddr*>(raw), size) == 0);
  if (type == SOCK_STREAM && listening) REQUIRE(::listen(made.get(), 1) == 0);
  size = sizeof storage;
  REQUIRE(::getsockname(made.get(), static_cast<sockaddr*>(raw), &size) == 0);
  REQUIRE(::dup2(made.get(), descriptor) == descriptor);
  return *base::Endpoint::from_sockaddr(storage);
}

bool is_open(int descriptor) {
  return ::fcntl(descriptor, F_GETFD) >= 0;
}

std::string complaint(const std::vector<std::string>& names) {
  try {
    (void)InheritedSockets::adopt(first, names);
  } catch (const dnsd::ConfigError& error) {
    return error.what();
  }
  return "";
}

struct Environment {
  Environment(const std::string& process, const char* count, const char* names) {
    ::setenv("LISTEN_PID", process.c_str(), 1);
    if (count != nullptr) ::setenv("LISTEN_FDS", count, 1);
    if (names != nullptr) ::setenv("LISTEN_FDNAMES", names, 1);
  }
  ~Environment() {
    for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
      ::unsetenv(variable);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
};

}  // namespace

TEST_CASE("sockets from the service manager become listeners of the view that they are named") {
  const base::Endpoint udp = pass(first, SOCK_DGRAM);
  const base::Endpoint tcp = pass(first + 1, SOCK_STREAM, udp);
  const base::Endpoint hidden = pass(first + 2, SOCK_DGRAM, loopback_ipv6);
  CHECK(udp == tcp);
  {
    const auto sockets = InheritedSockets::adopt(first, {"public", "public", "private"});
    CHECK((::fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(first, F_GETFL) & O_NONBLOCK) != 0);
    CHECK(sockets.has(udp));
    CHECK(sockets.has(hidden));
    CHECK_FALSE(sockets.has(loopback));

    dnsd::Config config;
    sockets.add_places(config);
    REQUIRE(config.listen.size() == 2);
    CHECK(config.listen[0] == dnsd::ListenAddress{udp, View::public_view});
    CHECK(config.listen[1] == dnsd::ListenAddress{hidden, View::private_view});
    sockets.add_places(config);  // the next reload names them once more
    CHECK(config.listen.size() == 2);
    config.listen[0].view = View::private_view;
    CHECK_THROWS_WITH_AS(sockets.add_places(config), doctest::Contains("descriptor 200"),
                         dnsd::ConfigError);

    // Each thread gets one socket of each transport. A place with UDP alone gets a warning.
    const auto opened = sockets.open({.endpoint = udp}, 3);
    REQUIRE(opened);
    CHECK(opened->udp.size() == 3);
    CHECK(opened->tcp.size() == 3);
    const auto half = sockets.open({.endpoint = hidden}, 2);
    REQUIRE(half);
    CHECK(half->udp.size() == 2);
    CHECK(half->tcp.empty());
    REQUIRE(sockets.warnings().size() == 1);
    CHECK(sockets.warnings()[0].find(hidden.to_string() + " for UDP only") != std::string::npos);
    CHECK(is_open(first));  // a copy is used, so that a reload can use it again
  }
  for (int i = 0; i < 3; ++i) CHECK_FALSE(is_open(first + i));
}

TEST_CASE("a socket that cannot be used is named with its descriptor and the remedy") {
  const struct {
    const char* name;
    std::function<void()> pass_it;
    std::vector<std::string> names;
    const char* says;
  } rows[] = {
      {"no descriptor", [] { ::close(first); }, {"public"}, "descriptor 200 from the service"},
      {"a file",
       [] { ::dup2(::open("/dev/null", O_RDWR | O_CLOEXEC), first); },
       {"public"},
       "is not a socket"},
      {"a Unix socket",
       [] { ::dup2(::socket(AF_UNIX, SOCK_STREAM, 0), first); },
       {"public"},
       "is no UDP or TCP socket"},
      {"a connection",
       [] { pass(first, SOCK_STREAM, loopback, false); },
       {"public"},
       "Accept=no is needed"},
      {"no port",
       [] { ::dup2(::socket(AF_INET, SOCK_DGRAM, 0), first); },
       {"public"},
       "not bound to a port"},
      {"both families",
       [] {
         pass(first, SOCK_DGRAM, {*base::IpAddress::parse("::"), base::Port{0}});
       },
       {"public"},
       "BindIPv6Only=ipv6-only"},
      {"another name",
       [] { pass(first, SOCK_DGRAM); },
       {"wg-dnsd.socket"},
       "named 'wg-dnsd.socket': FileDescriptorName="},
      {"two views for one place",
       [] {
         const auto place = pass(first, SOCK_DGRAM);
         pass(first + 1, SOCK_STREAM, place);
       },
       {"public", "private"},
       "descriptor 201"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    row.pass_it();
    const std::string said = complaint(row.names);
    CAPTURE(said);
    CHECK(said.find(row.says) != std::string::npos);
    ::close(first);
    ::close(first + 1);
  }
}

TEST_CASE("a socket for all addresses that the service manager tied to the tunnel is not exposed") {
  const auto is_exposed = [](const char* device, const dnsd::HostAddresses& host) {
    pass(first, SOCK_DGRAM, {*base::IpAddress::parse("0.0.0.0"), base::Port{0}});
    REQUIRE_FALSE(dnsd::tie_to_device(first, device));
    auto sockets = InheritedSockets::adopt(first, {"private"});
    dnsd::Config config;
    sockets.add_places(config);
    const AnswerFixture server;
    const dnsd::Responder responder = server.responder();
    dnsd::AnswerThreads threads(responder, 1);
    dnsd::Listeners listeners(threads, std::move(sockets));
    REQUIRE(listeners.change(config.listen, host));
    REQUIRE(listeners.status().size() == 1);
    return listeners.status()[0].is_exposed;
  };
  const base::InterfaceAddress on_lo{.address = *base::IpAddress::parse("127.0.0.1"),
                                     .prefix_length = 8,
                                     .interface = "lo",
                                     .interface_index = 1,
                                     .is_up = true};
  CHECK_FALSE(is_exposed("lo", {.addresses = {on_lo}, .wireguard_interfaces = {"lo"}}));
  CHECK_FALSE(is_exposed("lo", {}));  // the tunnel is gone: nothing arrives
  CHECK(is_exposed("lo", {.addresses = {on_lo}, .wireguard_interfaces = {}}));
  CHECK(is_exposed("", {.addresses = {on_lo}, .wireguard_interfaces = {"lo"}}));
}

TEST_CASE("the environment of sd_listen_fds is read once, and only when it is ours") {
  const std::string own = std::to_string(::getpid());
  {
    const Environment others("1", "1", "public");
    CHECK(InheritedSockets::take().warnings().empty());
    CHECK(std::getenv("LISTEN_FDS") == nullptr);
  }
  {
    const Environment none(own, "0", nullptr);
    CHECK_NOTHROW((void)InheritedSockets::take());
  }
  for (const char* count : {"x", "-1", "", "257", "99999999999999999999"}) {
    CAPTURE(count);
    const Environment wrong(own, count, "public");
    CHECK_THROWS_WITH_AS((void)InheritedSockets::take(), doctest::Contains("LISTEN_FDS"),
                         dnsd::ConfigError);
  }
  const Environment unequal(own, "2", "public:public:public");
  CHECK_THROWS_WITH_AS((void)InheritedSockets::take(), doctest::Contains("3 names for the 2"),
                       dnsd::ConfigError);
}
