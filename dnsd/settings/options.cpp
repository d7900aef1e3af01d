// The table of wg-dnsd's options: data, and a constant of the program, so any thread may read it.
// What `set` and `get` do for values of a common kind is in config/values.hpp, for the others in
// option_values.cpp. Reading a command line or a file by the table is in config/options.hpp.
#include "dnsd/settings/options.hpp"

#include <array>

#include "config/values.hpp"
#include "dns/response.hpp"
#include "dnsd/settings/option_values.hpp"
#include "schema/owner_name.hpp"
#include "schema/zone_name.hpp"

namespace dnsd {
namespace {

using config::get_number;
using config::get_text;
using config::get_toggle;
using config::set_number;
using config::set_toggle;
using Shape = Option::Shape;

constexpr Option::Range ttl_range{0, 604800};  // a week: what DNS operators consider the longest
constexpr std::string_view listen_allowed =
    "ADDRESS or ADDRESS:PORT, IPv6 with a port as [ADDRESS]:PORT; 0.0.0.0 or :: for all addresses; "
    "each once";

std::string zone_fault(std::string_view value) {
  return schema::find_zone_fault(value).value_or("");
}

bool is_label_or_empty(std::string_view text) {
  return text.empty() || !schema::check_peer_label(text);
}

bool is_server_text(std::string_view text) {
  return text.size() <= dns::max_nsid_octets;
}

constexpr std::array table{
    Option{.word = "zone",
           .placeholder = "NAME",
           .help = "The zone that is served, delegated to this host by its parent zone.",
           .allowed = schema::zone_name_allowed,
           .fault = zone_fault,
           .has_default = false,
           .set = set_zone,
           .get = get_zone},
    Option{.word = "interface",
           .shape = Shape::list,
           .placeholder = "NAME",
           .help = "A WireGuard interface of this host whose peers are observed; the first one "
                   "that has seen a peer lately takes precedence.",
           .allowed = "interface names of 1 to 15 characters without '/' and space, each once",
           .set = config::add_text<config::is_interface_name, &Config::interfaces>,
           .clear = config::clear<&Config::interfaces>,
           .get = config::get_texts<&Config::interfaces>},
    Option{.word = "observe",
           .shape = Shape::list,
           .placeholder = "ADDR:PORT[=KEYFILE][,TUNNEL-ADDR][,no-relay]",
           .help = "A built-in observation point: wg-dnsd is a WireGuard peer itself on this UDP "
                   "address, without an interface and without root. KEYFILE holds its private "
                   "key and is made where it is missing; TUNNEL-ADDR is its address inside the "
                   "tunnels; with no-relay it passes nothing on.",
           .allowed = "ADDRESS:PORT or ADDRESS:PORT=FILE, IPv6 as [ADDRESS]:PORT, and behind it "
                      "at most one ,ADDRESS of each family and ,no-relay; each ADDRESS:PORT once",
           .fault = point_fault,
           .is_path_behind_equals = true,
           .set = add_point,
           .clear = config::clear<&Config::points>,
           .get = get_points},
    Option{.word = "relay",
           .shape = Shape::toggle,
           .help = "The built-in points pass packets of the peers on to each other, unread, on "
                   "their own port.",
           .allowed = config::toggle_allowed,
           .set = set_toggle<&Config::relay>,
           .get = get_toggle<&Config::relay>},
    Option{.word = "relay-rate",
           .placeholder = "BITS",
           .help = "Bits per second that a point passes on from one peer; 0: no limit.",
           .allowed = bit_rate_allowed,
           .unit = "bit/s",
           .set = set_bit_rate<&Config::relay_rate>,
           .get = get_bit_rate<&Config::relay_rate>},
    Option{.word = "relay-total",
           .placeholder = "BITS",
           .help = "Bits per second that a point passes on in all; 0: no limit.",
           .allowed = bit_rate_allowed,
           .unit = "bit/s",
           .set = set_bit_rate<&Config::relay_total>,
           .get = get_bit_rate<&Config::relay_total>},
    Option{.word = "peers-file",
           .shape = Shape::list,
           .placeholder = "FILE",
           .help = "A file of peers in WireGuard's own format (wg0.conf).",
           .allowed = "file names, each once",
           .is_path = true,
           .set = config::add_text<config::is_not_empty, &Config::peers_files>,
           .clear = config::clear<&Config::peers_files>,
           .get = config::get_texts<&Config::peers_files>},
    Option{.word = "address-range",
           .shape = Shape::list,
           .placeholder = "PREFIX",
           .help = "wg-dnsd peer new takes the next free address inside the tunnel from here, one "
                   "of each family.",
           .allowed = "ADDRESS/LENGTH with a length of 1 or more, each once",
           .fault = config::range_fault,
           .set = add_address_range,
           .clear = config::clear<&Config::address_range>,
           .get =
               [](const Config& c) {
                 return config::texts_of(c.address_range, &base::Prefix::to_string);
               }},
    Option{.word = "publish",
           .placeholder = "WHICH",
           .help = "Which peers of the observed interfaces are published: all of them, or those "
                   "that the configuration lists.",
           .allowed = "all or listed",
           .set = set_publish,
           .get = get_publish},
    Option{.word = "listen",
           .shape = Shape::list,
           .placeholder = "ADDR[:PORT]",
           .help = "Answers the public view here, over UDP and TCP. With no listener of either "
                   "kind: port 53 on all addresses.",
           .allowed = listen_allowed,
           .fault = config::address_fault,
           .set = [](Config& c,
                     const std::string& value) { return add_listen(c, value, View::public_view); },
           .clear = [](Config& c) { clear_listen(c, View::public_view); },
           .get = [](const Config& c) { return get_listen(c, View::public_view); }},
    Option{.word = "listen-private",
           .shape = Shape::list,
           .placeholder = "ADDR[:PORT]",
           .help = "Answers the private view here, over UDP and TCP.",
           .allowed = listen_allowed,
           .fault = config::address_fault,
           .set = [](Config& c,
                     const std::string& value) { return add_listen(c, value, View::private_view); },
           .clear = [](Config& c) { clear_listen(c, View::private_view); },
           .get = [](const Config& c) { return get_listen(c, View::private_view); }},
    Option{.word = "zone-file",
           .placeholder = "FILE",
           .help = "The static part of the zone, a master file with SOA and NS. Without one both "
                   "are made.",
           .allowed = "a file name, or empty for none",
           .is_path = true,
           .set = config::set_optional_text<&Config::zone_file>,
           .get = config::get_optional_text<&Config::zone_file>},
    Option{.word = "ns",
           .shape = Shape::list,
           .placeholder = "NAME[=ADDR[,ADDR]]",
           .help = "A name server of the zone that is made, and its addresses. Default: ns1 in "
                   "the zone, with this host's global addresses.",
           .allowed = "NAME, NAME=ADDRESS or NAME=ADDRESS,ADDRESS, each name once; such as "
                      "ns1.wg.example.org=203.0.113.10",
           .fault = name_server_fault,
           .set = add_name_server,
           .clear = config::clear<&Config::name_servers>,
           .get = get_name_servers},
    Option{.word = "publish-private",
           .shape = Shape::toggle,
           .help = "Shows endpoints in RFC 1918, 100.64.0.0/10 and fc00::/7 in the public view.",
           .allowed = config::toggle_allowed,
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
           .allowed = config::toggle_allowed,
           .set = set_toggle<&Config::padded_names>,
           .get = get_toggle<&Config::padded_names>},
    Option{.word = "wgsd",
           .shape = Shape::toggle,
           .help = "Answers as the CoreDNS plugin wgsd: the list leads to padded names, and the "
                   "SRV of a padded name brings its TXT along.",
           .allowed = config::toggle_allowed,
           .set = set_toggle<&Config::wgsd>,
           .get = get_toggle<&Config::wgsd>},
    Option{.word = "tunnel-label",
           .placeholder = "LABEL",
           .help = "NAME.LABEL.ZONE is where the peer NAME is inside the tunnel, in the private "
                   "view. Empty: no such names.",
           .allowed = "one label of letters, digits and hyphens, or empty",
           .set = config::set_text<is_label_or_empty, &Config::tunnel_label>,
           .get = get_text<&Config::tunnel_label>},
    Option{.word = "list-max",
           .placeholder = "N",
           .help = "How many peers the list (PTR) of the zone has at most; 0: as many as a message "
                   "carries, 900. Resolvers and secondaries refuse more than 100.",
           .unit = "peers",
           .range = Option::Range{0, 10000000},
           .set_number = set_number<&Config::list_max>,
           .get = get_number<&Config::list_max>},
    Option{.word = "endpoint-ttl",
           .placeholder = "SECONDS",
           .help = "TTL of the records of peers.",
           .unit = "seconds",
           .range = ttl_range,
           .set_number = set_number<&Config::endpoint_ttl, &dns::Ttl::seconds>,
           .get = get_number<&Config::endpoint_ttl, &dns::Ttl::seconds>},
    Option{.word = "cname-ttl",
           .placeholder = "SECONDS",
           .help = "TTL of the CNAMEs of named peers, and of their addresses inside the tunnel.",
           .unit = "seconds",
           .range = ttl_range,
           .set_number = set_number<&Config::cname_ttl, &dns::Ttl::seconds>,
           .get = get_number<&Config::cname_ttl, &dns::Ttl::seconds>},
    Option{.word = "made-ttl",
           .placeholder = "SECONDS",
           .help = "TTL of SOA, NS and their addresses where they are made.",
           .unit = "seconds",
           .range = ttl_range,
           .set_number = set_number<&Config::made_ttl, &dns::Ttl::seconds>,
           .get = get_number<&Config::made_ttl, &dns::Ttl::seconds>},
    Option{.word = "negative-ttl",
           .placeholder = "SECONDS",
           .help = "How long a negative answer may be cached: lowers the MINIMUM of the SOA, "
                   "never raises it.",
           .unit = "seconds",
           .range = ttl_range,
           .set_number = set_number<&Config::negative_ttl, &dns::Ttl::seconds>,
           .get = get_number<&Config::negative_ttl, &dns::Ttl::seconds>},
    Option{.word = "rate-limit",
           .placeholder = "N",
           .help = "Replies per second to one network (/24, /56) about one name, over UDP where "
                   "strangers may ask; 0: no limit.",
           .unit = "replies per second",
           .range = Option::Range{0, 1000000},
           .set_number = set_number<&Config::rate_limit>,
           .get = get_number<&Config::rate_limit>},
    Option{.word = "rate-limit-exempt",
           .shape = Shape::list,
           .placeholder = "PREFIX",
           .help = "A network that the rate limit does not count; loopback is never counted.",
           .allowed = "ADDRESS or ADDRESS/LENGTH, each once",
           .set = add_rate_limit_exempt,
           .clear = config::clear<&Config::rate_limit_exempt>,
           .get =
               [](const Config& c) {
                 return config::texts_of(c.rate_limit_exempt, &base::Prefix::to_string);
               }},
    Option{.word = "tcp-connections",
           .placeholder = "N",
           .help = "TCP connections that one answer thread holds; one more closes the one that "
                   "asked nothing for the longest time.",
           .unit = "connections",
           .range = Option::Range{1, 60000},
           .set_number = set_number<&Config::tcp_connections>,
           .get = get_number<&Config::tcp_connections>},
    Option{.word = "tcp-connections-per-client",
           .placeholder = "N",
           .help = "The same for one client: an IPv4 address or an IPv6 /64.",
           .unit = "connections",
           .range = Option::Range{1, 60000},
           .set_number = set_number<&Config::tcp_connections_per_client>,
           .get = get_number<&Config::tcp_connections_per_client>},
    Option{.word = "query-log",
           .placeholder = "N",
           .help = "How many queries of each second are written to the log, as a sample; the "
                   "others are counted. 0: none.",
           .unit = "lines per second",
           .range = Option::Range{0, 1000},
           .set_number = set_number<&Config::query_log>,
           .get = get_number<&Config::query_log>},
    Option{.word = "cookie-secret-file",
           .placeholder = "FILE",
           .help = "Secrets of the DNS cookies (RFC 9018), shared by all servers of the zone: 32 "
                   "hex digits, and below them the previous secret. Without one every start "
                   "draws its own.",
           .allowed = "a file name, or empty for none",
           .is_path = true,
           .set = config::set_optional_text<&Config::cookie_secret_file>,
           .get = config::get_optional_text<&Config::cookie_secret_file>},
    Option{.word = "server-id",
           .placeholder = "TEXT",
           .help = "The name of this server, as the answer to NSID and CHAOS id.server. Empty: "
                   "not disclosed.",
           .allowed = "at most 64 octets",
           .set = config::set_text<is_server_text, &Config::server_id>,
           .get = get_text<&Config::server_id>},
    Option{.word = "server-version",
           .placeholder = "TEXT",
           .help = "Answer to CHAOS version.bind. Empty: not disclosed.",
           .allowed = "at most 64 octets",
           .set = config::set_text<is_server_text, &Config::server_version>,
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
           .help = "An endpoint that was not confirmed for this time is marked stale.",
           .unit = "seconds",
           .range = Option::Range{1, 31536000},
           .set_number = set_number<&Config::stale_after>,
           .get = get_number<&Config::stale_after>},
    Option{.word = "expire-after",
           .placeholder = "SECONDS",
           .help =
               "An endpoint that was not confirmed for this time is withdrawn; not shorter than "
               "stale-after.",
           .unit = "seconds",
           .range = Option::Range{1, 31536000},
           .set_number = set_number<&Config::expire_after>,
           .get = get_number<&Config::expire_after>},
    Option{.word = "state-dir",
           .placeholder = "DIR",
           .help = "Confirmed endpoints and the serial are kept here over a restart.",
           .allowed = "a folder",
           .is_path = true,
           .set = config::set_text<config::is_not_empty, &Config::state_dir>,
           .get = get_text<&Config::state_dir>},
    Option{.word = "control",
           .placeholder = "SOCKET",
           .help = "The Unix socket on which the daemon answers wg-dnsd status and other commands.",
           .allowed = config::socket_path_allowed,
           .is_path = true,
           .set = config::set_text<config::is_socket_path, &Config::control_socket>,
           .get = get_text<&Config::control_socket>},
    Option{.word = "answer-threads",
           .placeholder = "N",
           .help = "Threads that answer queries, each with its own sockets.",
           .unit = "threads",
           .range = Option::Range{1, 256},
           .set_number = set_number<&Config::answer_threads>,
           .get = get_number<&Config::answer_threads>},
    Option{.word = "log-level",
           .placeholder = "LEVEL",
           .help = "Messages of this level and above are written to standard error.",
           .allowed = config::log_level_allowed,
           .set = config::set_text<config::is_log_level, &Config::log_level>,
           .get = get_text<&Config::log_level>},
};

}  // namespace

std::span<const Option> all_options() {
  return table;
}

}  // namespace dnsd
