// Sockets from the service manager: the variables that describe them are read, each socket is
// checked and given our options, and its place joins the configuration. All of it happens on the
// control thread, most of it once at start. Sockets that we open ourselves are in listen_socket.
#include "dnsd/listen/inherited_sockets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/last_error.hpp"
#include "dnsd/host/port_holder.hpp"

namespace dnsd {
namespace {

constexpr int first_descriptor = 3;  // SD_LISTEN_FDS_START
/// More than any unit has. Bounds the work that a wrong environment can cause.
constexpr std::size_t max_sockets = 256;

/// \return nullopt: the variable is not there, or not a number.
std::optional<std::size_t> read_number(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  std::size_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  for (;;) {
    const std::size_t colon = text.find(':');
    names.emplace_back(text.substr(0, colon));
    if (colon == std::string_view::npos) return names;
    text.remove_prefix(colon + 1);
  }
}

[[noreturn]] void fail(int descriptor, const std::string& what) {
  throw ConfigError(fmt::format("descriptor {} from the service manager {}", descriptor, what));
}

int read_option(int descriptor, int level, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(descriptor, level, option, &value, &size) == 0) return value;
  fail(descriptor, fmt::format("is not a socket: {}; ListenDatagram= and ListenStream= make them",
                               base::last_error().message()));
}

View read_view(int descriptor, const std::string& name) {
  if (name == "public") return View::public_view;
  if (name == "private") return View::private_view;
  fail(
      descriptor,
      fmt::format("is named '{}': FileDescriptorName= in its socket unit must be public or private",
                  name));
}

dns::Transport read_transport(int descriptor) {
  const int type = read_option(descriptor, SOL_SOCKET, SO_TYPE);
  const int domain = read_option(descriptor, SOL_SOCKET, SO_DOMAIN);
  if ((domain != AF_INET && domain != AF_INET6) || (type != SOCK_DGRAM && type != SOCK_STREAM)) {
    fail(
        descriptor,
        "is no UDP or TCP socket: ListenDatagram=ADDRESS:53 and ListenStream=ADDRESS:53 make them");
  }
  if (type == SOCK_DGRAM) return dns::Transport::udp;
  if (read_option(descriptor, SOL_SOCKET, SO_ACCEPTCONN) == 0) {
    fail(descriptor,
         "is a TCP socket that does not listen: Accept=no is needed in its socket unit");
  }
  return dns::Transport::tcp;
}

base::Endpoint read_place(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  void* raw = &storage;
  std::optional<base::Endpoint> place;
  if (::getsockname(descriptor, static_cast<sockaddr*>(raw), &size) == 0)
    place = base::Endpoint::from_sockaddr(storage);
  if (!place || base::to_number(place->port) == 0) fail(descriptor, "is not bound to a port");
  // One socket for both families would hide from which of them a query came.
  if (storage.ss_family == AF_INET6 && place->address.is_unspecified() &&
      read_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY) == 0) {
    fail(descriptor, fmt::format("({}) takes IPv4 as well: BindIPv6Only=ipv6-only is needed in its "
                                 "socket unit, and IPv4 sockets of their own",
                                 place->to_string()));
  }
  return *place;
}

}  // namespace

InheritedSockets InheritedSockets::take() {
  const auto process = read_number("LISTEN_PID");
  const auto count = read_number("LISTEN_FDS");
  const char* names = std::getenv("LISTEN_FDNAMES");
  const bool are_ours = process && *process == static_cast<std::size_t>(::getpid());
  const std::string called = names == nullptr ? "" : names;
  const bool has_names = names != nullptr;
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  if (!are_ours) return {};  // meant for our parent, which did not clean up (sd_listen_fds(3))
  if (!count || *count > max_sockets) {
    throw ConfigError(
        fmt::format("LISTEN_FDS must be a number of sockets, at most {}", max_sockets));
  }
  if (*count == 0) return {};
  const auto each = has_names ? split_names(called) : std::vector<std::string>(*count, "public");
  if (each.size() != *count) {
    throw ConfigError(fmt::format("LISTEN_FDNAMES has {} names for the {} sockets of LISTEN_FDS",
                                  each.size(), *count));
  }
  return adopt(first_descriptor, each);
}

InheritedSockets InheritedSockets::adopt(int first, const std::vector<std::string>& names) {
  struct Checked {
    int descriptor;
    ListenAddress place;
    dns::Transport transport;
  };
  std::vector<Checked> checked;
  int descriptor = first;
  for (const std::string& name : names) {
    const dns::Transport transport = read_transport(descriptor);
    const ListenAddress place{read_place(descriptor), read_view(descriptor, name)};
    for (const Checked& other : checked) {
      if (other.place.endpoint == place.endpoint && other.place.view != place.view) {
        fail(descriptor, fmt::format("({}) is named '{}', and descriptor {} for the same place is "
                                     "not: one place has one view",
                                     place.endpoint.to_string(), name, other.descriptor));
      }
    }
    if (const auto error = prepare_inherited(descriptor, transport, place.endpoint)) {
      fail(descriptor,
           fmt::format("({}) cannot be set up: {}", place.endpoint.to_string(), error.message()));
    }
    checked.push_back({descriptor++, place, transport});
  }
  InheritedSockets result;
  for (const Checked& one : checked) {
    result.sockets_.push_back({base::FileDescriptor(one.descriptor), one.place, one.transport,
                               read_device(one.descriptor)});
  }
  return result;
}

void InheritedSockets::add_places(Config& config) const {
  for (const Socket& socket : sockets_) {
    const auto named = std::find_if(
        config.listen.begin(), config.listen.end(),
        [&](const ListenAddress& one) { return one.endpoint == socket.place.endpoint; });
    if (named == config.listen.end()) {
      config.listen.push_back(socket.place);
    } else if (named->view != socket.place.view) {
      fail(socket.descriptor.get(),
           fmt::format("({}) is {}, and the configuration wants that place with the other view: "
                       "change FileDescriptorName= in its socket unit, or the configuration",
                       socket.place.endpoint.to_string(), to_string(socket.place.view)));
    }
  }
}

bool InheritedSockets::has(const base::Endpoint& place, dns::Transport transport) const {
  return std::any_of(sockets_.begin(), sockets_.end(), [&](const Socket& one) {
    return one.place.endpoint == place && one.transport == transport;
  });
}

bool InheritedSockets::has(const base::Endpoint& place) const {
  return has(place, dns::Transport::udp) || has(place, dns::Transport::tcp);
}

bool InheritedSockets::overlap(const base::Endpoint& place) const {
  return std::any_of(sockets_.begin(), sockets_.end(),
                     [&](const Socket& one) { return dnsd::overlap(one.place.endpoint, place); });
}

base::Expected<ListenSockets, BindError> InheritedSockets::open(const BindAddress& place,
                                                                std::size_t count) const {
  ListenSockets result;
  for (const dns::Transport transport : {dns::Transport::udp, dns::Transport::tcp}) {
    std::vector<int> given;
    for (const Socket& one : sockets_) {
      if (one.place.endpoint != place.endpoint || one.transport != transport) continue;
      given.push_back(one.descriptor.get());
      if (const auto error = tie_to_device(one.descriptor.get(), place.device))
        return base::Unexpected(BindError{transport, error});
    }
    // Threads may share one queue: that is slower than one each, but right. Where there are more
    // sockets than threads, all must be served: the kernel spreads the clients over them.
    const std::size_t wanted = given.empty() ? 0 : std::max(count, given.size());
    auto& sockets = transport == dns::Transport::udp ? result.udp : result.tcp;
    while (sockets.size() < wanted) {
      base::FileDescriptor copy(
          ::fcntl(given[sockets.size() % given.size()], F_DUPFD_CLOEXEC, first_descriptor));
      if (!copy) return base::Unexpected(BindError{transport, base::last_error()});
      sockets.push_back(std::move(copy));
    }
  }
  return result;
}

std::string InheritedSockets::device_of(const base::Endpoint& place) const {
  std::string device;
  for (const Socket& one : sockets_) {
    if (one.place.endpoint != place) continue;
    if (one.device.empty()) return {};
    device = one.device;
  }
  return device;
}

std::vector<std::string> InheritedSockets::warnings() const {
  std::vector<std::string> result;
  for (const Socket& one : sockets_) {
    const dns::Transport other =
        one.transport == dns::Transport::udp ? dns::Transport::tcp : dns::Transport::udp;
    if (has(one.place.endpoint, other)) continue;
    result.push_back(fmt::format(
        "the service manager opened {} for {} only: add {} to its socket unit (RFC 7766 §5)",
        one.place.endpoint.to_string(), one.transport == dns::Transport::udp ? "UDP" : "TCP",
        other == dns::Transport::udp ? "ListenDatagram=" : "ListenStream="));
  }
  return result;
}

}  // namespace dnsd
