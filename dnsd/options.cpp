#include "dnsd/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "dns/response.hpp"
#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

using config::parse_toggle;
using config::toggle_allowed;
using Shape = Option::Shape;

constexpr Option::Range ttl_range{0, 604800};  // a week: what DNS operators consider the longest
constexpr base::Port dns_port{53};
static_assert(schema::max_zone_octets == 169);  // the manual and `allowed` say so

constexpr std::string_view listen_allowed =
    "ADDRESS or ADDRESS:PORT, IPv6 with a port as [ADDRESS]:PORT; 0.0.0.0 or :: for all addresses; "
    "each once";

template <bool Config::*member>
bool set_toggle(Config& config, const std::string& value) {
  const auto parsed = parse_toggle(value);
  if (parsed) config.*member = *parsed;
  return parsed.has_value();
}
template <bool Config::*member>
std::vector<std::string> get_toggle(const Config& config) {
  return {config.*member ? "true" : "false"};
}

template <std::string Config::*member>
bool set_path(Config& config, const std::string& value) {
  if (value.empty()) return false;
  config.*member = value;
  return true;
}
template <std::string Config::*member>
std::vector<std::string> get_text(const Config& config) {
  return {config.*member};
}

template <dns::Ttl Config::*member>
void set_ttl(Config& config, std::uint64_t seconds) {
  config.*member = dns::Ttl{static_cast<std::uint32_t>(seconds)};
}
template <dns::Ttl Config::*member>
std::vector<std::string> get_ttl(const Config& config) {
  return {std::to_string((config.*member).seconds)};
}

template <std::chrono::seconds Config::*member>
void set_seconds(Config& config, std::uint64_t seconds) {
  config.*member = std::chrono::seconds(seconds);
}
template <std::chrono::seconds Config::*member>
std::vector<std::string> get_seconds(const Config& config) {
  return {std::to_string((config.*member).count())};
}

bool set_zone(Config& config, const std::string& value) {
  const auto name = dns::Name::parse(value);
  if (!name || name->view().is_root() || name->view().wire().size() > schema::max_zone_octets)
    return false;
  config.zone = *name;
  return true;
}
std::vector<std::string> get_zone(const Config& config) {
  return {config.zone.to_string()};
}

bool add_interface(Config& config, const std::string& value) {
  const auto is_wrong = [](char c) {
    return c == '/' || static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
  };
  const auto& known = config.interfaces;
  if (value.empty() || value.size() > 15 || value == "." || value == ".." ||
      std::any_of(value.begin(), value.end(), is_wrong) ||
      std::find(known.begin(), known.end(), value) != known.end())
    return false;
  config.interfaces.push_back(value);
  return true;
}

/// Behind the last commas stand the tunnel addresses; what is no address belongs to the file name.
bool add_point(Config& config, const std::string& value) {
  ConfiguredPoint point;
  std::string_view rest = value;
  for (std::size_t comma = rest.rfind(','); comma != std::string_view::npos;
       comma = rest.rfind(',')) {
    const auto address = base::IpAddress::parse(rest.substr(comma + 1));
    if (!address) break;
    const auto& known = point.tunnel_addresses;
    if (address->is_unspecified() ||
        std::any_of(known.begin(), known.end(),
                    [&](const auto& other) { return other.family() == address->family(); }))
      return false;
    point.tunnel_addresses.insert(point.tunnel_addresses.begin(), *address);
    rest = rest.substr(0, comma);
  }
  const std::size_t equals = std::min(rest.find('='), rest.size());
  const auto listen = base::Endpoint::parse(rest.substr(0, equals));
  if (!listen || equals + 1 == rest.size() ||
      std::any_of(config.points.begin(), config.points.end(),
                  [&](const ConfiguredPoint& known) { return known.listen == *listen; }))
    return false;
  point.listen = *listen;
  if (equals < rest.size()) point.key_file = rest.substr(equals + 1);
  config.points.push_back(std::move(point));
  return true;
}
std::vector<std::string> get_points(const Config& config) {
  std::vector<std::string> values;
  for (const ConfiguredPoint& point : config.points) {
    std::string value = point.listen.to_string();
    if (!point.key_file.empty()) value += '=' + point.key_file;
    for (const base::IpAddress& address : point.tunnel_addresses)
      value += ',' + address.to_string();
    values.push_back(std::move(value));
  }
  return values;
}

bool add_peers_file(Config& config, const std::string& value) {
  const auto& known = config.peers_files;
  if (value.empty() || std::find(known.begin(), known.end(), value) != known.end()) return false;
  config.peers_files.push_back(value);
  return true;
}

bool set_publish(Config& config, const std::string& value) {
  if (value != "all" && value != "listed") return false;
  config.publish_listed_only = value == "listed";
  return true;
}

std::optional<base::Endpoint> parse_listen_address(const std::string& value) {
  if (const auto endpoint = base::Endpoint::parse(value)) return endpoint;
  const bool bracketed = value.size() > 2 && value.front() == '[' && value.back() == ']';
  const auto address =
      base::IpAddress::parse(bracketed ? value.substr(1, value.size() - 2) : value);
  if (!address || (bracketed && address->is_ipv4())) return std::nullopt;
  return base::Endpoint{*address, dns_port};
}

template <View view>
bool add_listen(Config& config, const std::string& value) {
  const auto endpoint = parse_listen_address(value);
  if (!endpoint || std::any_of(config.listen.begin(), config.listen.end(),
                               [&](const auto& l) { return l.endpoint == *endpoint; }))
    return false;
  config.listen.push_back({*endpoint, view});
  return true;
}
template <View view>
void clear_listen(Config& config) {
  std::erase_if(config.listen, [](const ListenAddress& l) { return l.view == view; });
}
template <View view>
std::vector<std::string> get_listen(const Config& config) {
  std::vector<std::string> values;
  for (const ListenAddress& l : config.listen) {
    if (l.view == view) values.push_back(l.endpoint.to_string());
  }
  return values;
}

bool set_zone_file(Config& config, const std::string& value) {
  config.zone_file = value.empty() ? std::nullopt : std::optional(value);
  return true;
}

bool add_name_server(Config& config, const std::string& value) {
  const std::size_t equals = value.find('=');
  const auto name = dns::Name::parse(value.substr(0, equals));
  if (!name || name->view().is_root()) return false;
  if (std::any_of(config.name_servers.begin(), config.name_servers.end(),
                  [&](const NameServer& known) { return known.name == *name; }))
    return false;
  NameServer server{*name, {}};
  for (std::size_t begin = equals; begin != std::string::npos;) {
    const std::size_t end = value.find(',', begin + 1);
    const auto address = base::IpAddress::parse(std::string_view(value).substr(
        begin + 1, end == std::string::npos ? end : end - begin - 1));
    if (!address) return false;
    server.addresses.push_back(*address);
    begin = end;
  }
  config.name_servers.push_back(std::move(server));
  return true;
}
std::vector<std::string> get_name_servers(const Config& config) {
  std::vector<std::string> values;
  for (const NameServer& server : config.name_servers) {
    std::string value = server.name.to_string();
    char separator = '=';
    for (const base::IpAddress& address : server.addresses) {
      value += separator + address.to_string();
      separator = ',';
    }
    values.push_back(std::move(value));
  }
  return values;
}

struct PublicPart {
  std::string_view word;
  bool PublicParts::*member;
};
constexpr std::array<PublicPart, 5> public_part_words{{{"names", &PublicParts::names},
                                                       {"allowed", &PublicParts::allowed},
                                                       {"since", &PublicParts::since},
                                                       {"map", &PublicParts::map},
                                                       {"list", &PublicParts::list}}};

bool add_public_part(Config& config, const std::string& value) {
  for (const PublicPart& part : public_part_words) {
    if (part.word != value || config.public_parts.*part.member) continue;
    config.public_parts.*part.member = true;
    return true;
  }
  return false;
}
std::vector<std::string> get_public_parts(const Config& config) {
  std::vector<std::string> values;
  for (const PublicPart& part : public_part_words) {
    if (config.public_parts.*part.member) values.emplace_back(part.word);
  }
  return values;
}

/// Seconds with up to three decimals, 0.1 to 60.
bool set_poll_interval(Config& config, const std::string& value) {
  const std::size_t point = value.find('.');
  std::string decimals = point == std::string::npos ? "" : value.substr(point + 1);
  if (point != std::string::npos && (decimals.empty() || decimals.size() > 3)) return false;
  decimals.resize(3, '0');
  const std::string digits = value.substr(0, point) + decimals;
  std::uint32_t milliseconds = 0;
  const auto [end, ec] =
      std::from_chars(digits.data(), digits.data() + digits.size(), milliseconds);
  if (ec != std::errc() || end != digits.data() + digits.size() || point == 0) return false;
  if (milliseconds < 100 || milliseconds > 60000) return false;
  config.poll_interval = std::chrono::milliseconds(milliseconds);
  return true;
}
std::vector<std::string> get_poll_interval(const Config& config) {
  const auto milliseconds = config.poll_interval.count();
  std::string text = std::to_string(milliseconds / 1000);
  if (milliseconds % 1000 == 0) return {text};
  text += fmt::format(".{:03}", milliseconds % 1000);
  while (text.back() == '0') text.pop_back();
  return {text};
}

bool add_rate_limit_exempt(Config& config, const std::string& value) {
  const auto prefix = base::Prefix::parse(value);
  auto& known = config.rate_limit_exempt;
  if (!prefix || std::find(known.begin(), known.end(), *prefix) != known.end()) return false;
  known.push_back(*prefix);
  return true;
}
std::vector<std::string> get_rate_limit_exempt(const Config& config) {
  std::vector<std::string> values;
  for (const base::Prefix& prefix : config.rate_limit_exempt) values.push_back(prefix.to_string());
  return values;
}

bool set_cookie_secret_file(Config& config, const std::string& value) {
  config.cookie_secret_file = value.empty() ? std::nullopt : std::optional(value);
  return true;
}

template <std::string Config::*member>
bool set_server_text(Config& config, const std::string& value) {
  if (value.size() > dns::max_nsid_octets) return false;
  config.*member = value;
  return true;
}

bool set_log_level(Config& config, const std::string& value) {
  if (value != "debug" && value != "info" && value != "warning" && value != "error") return false;
  config.log_level = value;
  return true;
}

const auto& table() {
  static const std::array options{
      Option{.word = "zone",
             .placeholder = "NAME",
             .help = "The zone that is served, delegated to this host by its parent zone.",
             .allowed = "a domain name of at most 169 octets, such as wg.example.org",
             .has_default = false,
             .set = set_zone,
             .get = get_zone},
      Option{.word = "interface",
             .shape = Shape::list,
             .placeholder = "NAME",
             .help = "A WireGuard interface of this host whose peers are observed; the first one "
                     "that has seen a peer lately counts.",
             .allowed = "interface names of 1 to 15 characters without '/' and space, each once",
             .set = add_interface,
             .clear = [](Config& c) { c.interfaces.clear(); },
             .get = [](const Config& c) { return c.interfaces; }},
      Option{.word = "observe",
             .shape = Shape::list,
             .placeholder = "ADDR:PORT[=KEYFILE][,TUNNEL-ADDR]",
             .help = "A built-in observation point: wg-dnsd is a WireGuard peer itself on this UDP "
                     "address, without an interface and without root. KEYFILE holds its private "
                     "key and is made where it is missing; TUNNEL-ADDR is its address inside the "
                     "tunnels.",
             .allowed = "ADDRESS:PORT or ADDRESS:PORT=FILE, IPv6 as [ADDRESS]:PORT, and behind it "
                        "at most one ,ADDRESS of each family; each ADDRESS:PORT once",
             .is_path_behind_equals = true,
             .set = add_point,
             .clear = [](Config& c) { c.points.clear(); },
             .get = get_points},
      Option{.word = "peers-file",
             .shape = Shape::list,
             .placeholder = "FILE",
             .help = "A file of peers in WireGuard's own format (wg0.conf).",
             .allowed = "file names, each once",
             .is_path = true,
             .set = add_peers_file,
             .clear = [](Config& c) { c.peers_files.clear(); },
             .get = [](const Config& c) { return c.peers_files; }},
      Option{.word = "publish",
             .placeholder = "WHICH",
             .help = "Which peers of the observed interfaces are published: all of them, or those "
                     "that the configuration lists.",
             .allowed = "all or listed",
             .set = set_publish,
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{c.publish_listed_only ? "listed" : "all"};
                 }},
      Option{.word = "listen",
             .shape = Shape::list,
             .placeholder = "ADDR[:PORT]",
             .help = "Answers the public view here, over UDP and TCP. With no listener of either "
                     "kind: port 53 on all addresses.",
             .allowed = listen_allowed,
             .set = add_listen<View::public_view>,
             .clear = clear_listen<View::public_view>,
             .get = get_listen<View::public_view>},
      Option{.word = "listen-private",
             .shape = Shape::list,
             .placeholder = "ADDR[:PORT]",
             .help = "Answers the private view here, over UDP and TCP.",
             .allowed = listen_allowed,
             .set = add_listen<View::private_view>,
             .clear = clear_listen<View::private_view>,
             .get = get_listen<View::private_view>},
      Option{
          .word = "zone-file",
          .placeholder = "FILE",
          .help = "The static part of the zone, a master file with SOA and NS. Without one both "
                  "are made.",
          .allowed = "a file name, or empty for none",
          .is_path = true,
          .set = set_zone_file,
          .get =
              [](const Config& c) { return std::vector<std::string>{c.zone_file.value_or("")}; }},
      Option{.word = "ns",
             .shape = Shape::list,
             .placeholder = "NAME[=ADDR[,ADDR]]",
             .help = "A name server of the zone that is made, and its addresses. Default: ns1 in "
                     "the zone, with this host's global addresses.",
             .allowed = "NAME, NAME=ADDRESS or NAME=ADDRESS,ADDRESS, each name once",
             .set = add_name_server,
             .clear = [](Config& c) { c.name_servers.clear(); },
             .get = get_name_servers},
      Option{.word = "publish-private",
             .shape = Shape::toggle,
             .help = "Shows endpoints in RFC 1918, 100.64.0.0/10 and fc00::/7 in the public view.",
             .allowed = toggle_allowed,
             .set = set_toggle<&Config::publish_private>,
             .get = get_toggle<&Config::publish_private>},
      Option{.word = "public",
             .shape = Shape::list,
             .placeholder = "PART",
             .help = "Opens a part of the private view to the public.",
             .allowed = "names, allowed, since, map, list, each once",
             .set = add_public_part,
             .clear = [](Config& c) { c.public_parts = {}; },
             .get = get_public_parts},
      Option{.word = "padded-names",
             .shape = Shape::toggle,
             .help = "Answers K====._wireguard._udp.ZONE too, the spelling of the CoreDNS plugin "
                     "wgsd.",
             .allowed = toggle_allowed,
             .set = set_toggle<&Config::padded_names>,
             .get = get_toggle<&Config::padded_names>},
      Option{
          .word = "list-max",
          .placeholder = "N",
          .help = "So many peers stand in the list (PTR) of the zone; 0: no limit. Resolvers and "
                  "secondaries refuse more than 100.",
          .unit = "peers",
          .range = Option::Range{0, 10000000},
          .set_number = [](Config& c, std::uint64_t n) { c.list_max = n; },
          .get =
              [](const Config& c) { return std::vector<std::string>{std::to_string(c.list_max)}; }},
      Option{.word = "endpoint-ttl",
             .placeholder = "SECONDS",
             .help = "TTL of the records of peers.",
             .unit = "seconds",
             .range = ttl_range,
             .set_number = set_ttl<&Config::endpoint_ttl>,
             .get = get_ttl<&Config::endpoint_ttl>},
      Option{.word = "cname-ttl",
             .placeholder = "SECONDS",
             .help = "TTL of the CNAMEs of named peers.",
             .unit = "seconds",
             .range = ttl_range,
             .set_number = set_ttl<&Config::cname_ttl>,
             .get = get_ttl<&Config::cname_ttl>},
      Option{.word = "made-ttl",
             .placeholder = "SECONDS",
             .help = "TTL of SOA, NS and their addresses where they are made.",
             .unit = "seconds",
             .range = ttl_range,
             .set_number = set_ttl<&Config::made_ttl>,
             .get = get_ttl<&Config::made_ttl>},
      Option{.word = "negative-ttl",
             .placeholder = "SECONDS",
             .help = "How long a negative answer may be cached: lowers the MINIMUM of the SOA, "
                     "never raises it.",
             .unit = "seconds",
             .range = ttl_range,
             .set_number = set_ttl<&Config::negative_ttl>,
             .get = get_ttl<&Config::negative_ttl>},
      Option{.word = "rate-limit",
             .placeholder = "N",
             .help = "Replies per second to one network (/24, /56) about one name, on public "
                     "listeners over UDP; 0: no limit.",
             .unit = "replies per second",
             .range = Option::Range{0, 1000000},
             .set_number = [](Config& c,
                              std::uint64_t n) { c.rate_limit = static_cast<std::uint32_t>(n); },
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{std::to_string(c.rate_limit)};
                 }},
      Option{.word = "rate-limit-exempt",
             .shape = Shape::list,
             .placeholder = "PREFIX",
             .help = "A network that the rate limit does not count; loopback never is.",
             .allowed = "ADDRESS or ADDRESS/LENGTH, each once",
             .set = add_rate_limit_exempt,
             .clear = [](Config& c) { c.rate_limit_exempt.clear(); },
             .get = get_rate_limit_exempt},
      Option{
          .word = "tcp-connections",
          .placeholder = "N",
          .help = "TCP connections that one answer thread holds; one more closes the one that "
                  "asked nothing for the longest time.",
          .unit = "connections",
          .range = Option::Range{1, 60000},
          .set_number = [](Config& c,
                           std::uint64_t n) { c.tcp_connections = static_cast<std::uint32_t>(n); },
          .get =
              [](const Config& c) {
                return std::vector<std::string>{std::to_string(c.tcp_connections)};
              }},
      Option{.word = "tcp-connections-per-client",
             .placeholder = "N",
             .help = "The same for one client: an IPv4 address or an IPv6 /64.",
             .unit = "connections",
             .range = Option::Range{1, 60000},
             .set_number =
                 [](Config& c, std::uint64_t n) {
                   c.tcp_connections_per_client = static_cast<std::uint32_t>(n);
                 },
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{std::to_string(c.tcp_connections_per_client)};
                 }},
      Option{.word = "query-log",
             .placeholder = "N",
             .help = "So many queries of each second are written to the log, as a sample; the "
                     "others are counted. 0: none.",
             .unit = "lines per second",
             .range = Option::Range{0, 1000},
             .set_number = [](Config& c,
                              std::uint64_t n) { c.query_log = static_cast<std::uint32_t>(n); },
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{std::to_string(c.query_log)};
                 }},
      Option{.word = "cookie-secret-file",
             .placeholder = "FILE",
             .help = "Secrets of the DNS cookies (RFC 9018), shared by all servers of the zone: 32 "
                     "hex digits, and below them the previous secret. Without one every start "
                     "draws its own.",
             .allowed = "a file name, or empty for none",
             .is_path = true,
             .set = set_cookie_secret_file,
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{c.cookie_secret_file.value_or("")};
                 }},
      Option{.word = "server-id",
             .placeholder = "TEXT",
             .help = "Which server this is, for those who ask: NSID and CHAOS id.server. Empty: "
                     "not told.",
             .allowed = "at most 64 octets",
             .set = set_server_text<&Config::server_id>,
             .get = get_text<&Config::server_id>},
      Option{.word = "server-version",
             .placeholder = "TEXT",
             .help = "Answer to CHAOS version.bind. Empty: not told.",
             .allowed = "at most 64 octets",
             .set = set_server_text<&Config::server_version>,
             .get = get_text<&Config::server_version>},
      Option{.word = "poll-interval",
             .placeholder = "SECONDS",
             .help = "How often each interface is read.",
             .allowed = "0.1 to 60 seconds, up to three decimals",
             .unit = "seconds",
             .set = set_poll_interval,
             .get = get_poll_interval},
      Option{.word = "stale-after",
             .placeholder = "SECONDS",
             .help = "An endpoint that was not confirmed for so long is marked stale.",
             .unit = "seconds",
             .range = Option::Range{1, 31536000},
             .set_number = set_seconds<&Config::stale_after>,
             .get = get_seconds<&Config::stale_after>},
      Option{.word = "expire-after",
             .placeholder = "SECONDS",
             .help =
                 "An endpoint that was not confirmed for so long is withdrawn; not shorter than "
                 "stale-after.",
             .unit = "seconds",
             .range = Option::Range{1, 31536000},
             .set_number = set_seconds<&Config::expire_after>,
             .get = get_seconds<&Config::expire_after>},
      Option{.word = "state-dir",
             .placeholder = "DIR",
             .help = "Confirmed endpoints and the serial are kept here over a restart.",
             .allowed = "a folder",
             .is_path = true,
             .set = set_path<&Config::state_dir>,
             .get = get_text<&Config::state_dir>},
      Option{.word = "control",
             .placeholder = "SOCKET",
             .help = "The Unix socket on which the daemon answers wg-dnsd status and its like.",
             .allowed = "a file name of at most 107 octets",
             .is_path = true,
             .set =
                 [](Config& c, const std::string& value) {
                   // sockaddr_un.sun_path holds 108 octets with the end mark.
                   return value.size() <= 107 && set_path<&Config::control_socket>(c, value);
                 },
             .get = get_text<&Config::control_socket>},
      Option{.word = "answer-threads",
             .placeholder = "N",
             .help = "Threads that answer queries, each with its own sockets.",
             .unit = "threads",
             .range = Option::Range{1, 256},
             .set_number = [](Config& c,
                              std::uint64_t n) { c.answer_threads = static_cast<unsigned>(n); },
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{std::to_string(c.answer_threads)};
                 }},
      Option{.word = "log-level",
             .placeholder = "LEVEL",
             .help = "What is written to standard error: this and what is worse.",
             .allowed = "debug, info, warning or error",
             .set = set_log_level,
             .get = get_text<&Config::log_level>},
  };
  return options;
}

}  // namespace

std::span<const Option> all_options() {
  return table();
}

}  // namespace dnsd
