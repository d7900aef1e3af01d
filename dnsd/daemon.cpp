// The daemon: makes its parts, loads and reloads the configuration, and answers signals and the
// service manager. Everything here runs on the control thread; AnswerThreads, the built-in
// points, and the sources and saver of the observatory have threads of their own. What happens to a
// query begins in serve/udp_server and serve/tcp_server, what happens to a sighting in
// observe/observatory, and what people ask in control/commands.
#include "dnsd/daemon.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <malloc.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "base/capability.hpp"
#include "base/clock.hpp"
#include "base/last_error.hpp"
#include "base/log.hpp"
#include "base/notify.hpp"
#include "base/output.hpp"
#include "base/signals.hpp"
#include "base/version.hpp"
#include "control/server.hpp"
#include "dnsd/answer/policy.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/control/commands.hpp"
#include "dnsd/host/address_watch.hpp"
#include "dnsd/host/host_addresses.hpp"
#include "dnsd/listen/inherited_sockets.hpp"
#include "dnsd/listen/listener_plan.hpp"
#include "dnsd/listen/listeners.hpp"
#include "dnsd/listen/unprivileged_port.hpp"
#include "dnsd/observe/lost_blocks.hpp"
#include "dnsd/observe/observatory.hpp"
#include "dnsd/serve/answer_threads.hpp"
#include "dnsd/serve/descriptors.hpp"
#include "dnsd/serve/query_log_writer.hpp"
#include "dnsd/settings/config_file.hpp"
#include "dnsd/settings/cookie_secret_file.hpp"
#include "dnsd/state/peer_names.hpp"
#include "dnsd/state/state_store.hpp"
#include "dnsd/tunnel/told_expiry.hpp"
#include "dnsd/tunnel/tunnel_host.hpp"
#include "dnsd/zone/name_servers.hpp"
#include "dnsd/zone/zone_source.hpp"
#include "wg/device.hpp"

namespace dnsd {
namespace {

/// Up to this many configured peers stay in Config as well as in the table (2 MB).
constexpr std::size_t kept_peers = 10000;

void print(std::FILE* out, const std::string& text) {
  if (!base::print_output(out, text)) throw std::runtime_error("the output cannot be written");
}

void tell_problems(const Config& config) {
  for (const std::string& error : config.errors) spdlog::error("{}", error);
  for (const std::string& warning : config.warnings) spdlog::warn("{}", warning);
}

TcpLimits tcp_limits(const Config& config) {
  TcpLimits limits;
  limits.connections = config.tcp_connections;
  limits.connections_per_client = config.tcp_connections_per_client;
  return limits;
}

}  // namespace

/// Ties everything together on the control thread: configuration → zone, sources → table,
/// listeners, control socket, signals, the host's addresses.
class Daemon {
 public:
  Daemon(const CommandLine& line, InheritedSockets inherited);
  int run();

 private:
  [[nodiscard]] Config load(const InheritedSockets& inherited) const;
  [[nodiscard]] ZoneSource load_zone_source();
  void start();
  void drop_privilege();
  void stop();
  [[nodiscard]] std::optional<std::string> reload();
  void drop_loaded_peers();
  void follow_signals();
  void follow_hangups();
  void share_descriptors();
  void follow_addresses();
  void remake_zone(const HostAddresses& host);
  void publish_zone(const ZoneSource& source, std::shared_ptr<const Zone> zone);
  void tell_manager();
  void feed_watchdog(std::chrono::microseconds interval);
  [[nodiscard]] CommandContext command_context();

  // The order of the members is the architecture: each uses only those above it, is made after
  // them, and is gone before them. The address watch and the expiry reach the observatory, which
  // is below them, from handlers of `io_` alone: those run while all members live.

  // What the operator decided, and the loop of the control thread.
  const CommandLine line_;
  Config config_;
  asio::io_context io_{1};

  // Shared by both halves below: observing writes, serving reads without waiting.
  PeerTable peers_;
  LiveState live_;

  // What survived the last run.
  StateStore store_;
  PeerNames names_;  // of the configuration, until start() hands them on

  // Serving: the zone and the policy, which a reload replaces as a whole; the responder, which
  // answers from them; threads with sockets, which ask it; listeners, which follow the addresses of
  // the host.
  ZoneSource zone_source_;
  PublishedZone published_;
  PublishedPolicy policy_;
  Responder responder_;
  AnswerThreads threads_;
  Listeners listeners_;
  AddressWatch address_watch_;
  QueryLogWriter query_log_writer_;

  // The host inside the tunnels of the built-in points: peers ask it, and tell it of themselves.
  ToldExpiry told_expiry_;
  PeerUpdates peer_updates_;
  TunnelHost tunnel_host_;

  // Observing: all sources, which fill the table. Below the tunnel host, because the points'
  // threads call that.
  Observatory observatory_;

  // Commands: what people, signals and the service manager ask of the daemon.
  std::string reload_problem_;
  Commands commands_;
  control::Server control_;
  asio::signal_set signals_;
  asio::posix::stream_descriptor hangups_;
  asio::steady_timer watchdog_;
  bool told_ready_ = false;
  bool has_dropped_privilege_ = false;
  std::size_t descriptor_limit_ = 0;
  bool told_few_connections_ = false;
};

Daemon::Daemon(const CommandLine& line, InheritedSockets inherited)
    : line_(line),
      config_(load(inherited)),
      store_(config_.state_dir),
      zone_source_(load_zone_source()),
      published_(make_zone(config_, zone_source_, peers_, live_)),
      policy_(make_policy(config_, load_cookie_secrets(config_), nullptr)),
      responder_(published_, policy_),
      threads_(responder_, config_.answer_threads, tcp_limits(config_)),
      listeners_(threads_, std::move(inherited)),
      address_watch_(io_, [this] { follow_addresses(); }),
      query_log_writer_(io_, threads_.query_log()),
      told_expiry_(io_, {&live_.lan, &live_.paths}, [this] { observatory_.content_changed(); }),
      peer_updates_(published_, peers_, live_, [this] { told_expiry_.note_change(); }),
      tunnel_host_(responder_, peer_updates_),
      observatory_(io_, peers_, live_, store_,
                   [this](const InnerPacket& packet, const SendInner& send) {
                     tunnel_host_.receive(packet, send);
                   }),
      commands_(command_context()),
      control_(io_, "wg-dnsd",
               [this](std::string_view request) { return commands_.answer(request); }),
      signals_(io_, SIGTERM, SIGINT),
      hangups_(io_, base::open_hangups().release()),
      watchdog_(io_) {}

CommandContext Daemon::command_context() {
  return {.config = config_,
          .peers = peers_,
          .live = live_,
          .observatory = observatory_,

          .zone_source = zone_source_,
          .published = published_,
          .responder = responder_,
          .threads = threads_,
          .listeners = listeners_,
          .tunnel_host = tunnel_host_,
          .started = base::read_steady(),
          .reload_problem = reload_problem_,
          .reload = [this] { return reload(); },
          .keep_name =
              [this](const wg::PublicKey& key, std::optional<KnownName> name) {
                return observatory_.keep_name(key, std::move(name));
              }};
}

/// The configuration, with the places that the service manager opened for us.
Config Daemon::load(const InheritedSockets& inherited) const {
  Config config = load_config(line_);
  check_something_is_left(config);
  inherited.add_places(config);
  choose_allowed_port(config);
  return config;
}

ZoneSource Daemon::load_zone_source() {
  names_ = restore_names(config_, store_.load_names());
  ZoneSource source = read_zone_source(config_, read_host(config_));
  for (std::string& warning : yield_names(config_, source))
    config_.warnings.push_back(std::move(warning));
  return source;
}

int Daemon::run() {
  start();
  io_.run();
  return 0;
}

void Daemon::start() {
  base::start_log("wg-dnsd", spdlog::level::from_str(config_.log_level));
  descriptor_limit_ = raise_descriptor_limit();
  spdlog::info("wg-dnsd {} for {}", base::version, config_.zone.to_string());
  tell_problems(config_);
  for (const std::string& warning : listeners_.inherited().warnings()) spdlog::warn("{}", warning);
  for (const std::string& warning : store_.warnings()) spdlog::warn("{}", warning);
  if (!store_.problem().empty()) spdlog::warn("{}", store_.problem());
  // Before anything else is touched: a second daemon must not disturb the first one.
  if (const auto opened = control_.open(config_.control_socket); !opened) {
    if (opened.error().is_in_use) throw std::runtime_error(opened.error().message);
    spdlog::warn(
        "no control socket, so status, peers, zone and reload do not work: {}; --control "
        "names another place",
        opened.error().message);
  }
  follow_signals();
  follow_hangups();
  publish_zone(zone_source_, published_.get());
  observatory_.set_host(read_host(config_), zone_source_.name_servers);
  if (const auto opened = observatory_.start(config_); !opened)
    throw std::runtime_error(opened.error());
  observatory_.keep_names(std::exchange(names_, {}));
  drop_loaded_peers();
  address_watch_.start();
  if (const auto changed = listeners_.change(config_.listen, read_host(config_)); !changed) {
    throw std::runtime_error(changed.error());
  }
  share_descriptors();
  drop_privilege();
  tell_manager();
  query_log_writer_.set_rate(config_.query_log);
  if (const auto interval = base::watchdog_interval()) feed_watchdog(*interval);
}

/// Only who reads devices of the kernel needs CAP_NET_ADMIN. The answer threads, the points and the
/// saver give it up themselves; this thread had it until now for the queues of its sockets.
void Daemon::drop_privilege() {
  if (!config_.interfaces.empty() || !base::has_capability(CAP_NET_ADMIN)) return;
  has_dropped_privilege_ = base::drop_capability(CAP_NET_ADMIN);
  if (!has_dropped_privilege_)
    spdlog::warn("CAP_NET_ADMIN is not needed, and cannot be given up: {}",
                 base::last_error().message());
}

void Daemon::stop() {
  spdlog::info("stopping");
  base::notify_systemd("STOPPING=1");
  observatory_.stop();
  io_.stop();
}

void Daemon::follow_signals() {
  signals_.async_wait([this](const std::error_code& ec, int /*signal*/) {
    if (!ec) stop();
  });
}

/// Also a SIGHUP that came while the daemon started: files may have changed since they were read.
void Daemon::follow_hangups() {
  hangups_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const std::error_code& ec) {
    if (ec) return;
    base::take_hangup(hangups_.native_handle());  // before the reload: a later one reloads again
    const bool was_ready = told_ready_;
    if (was_ready) base::notify_systemd("RELOADING=1");
    (void)reload();  // it is in the log
    if (was_ready) base::notify_systemd("READY=1");
    follow_hangups();
  });
}

/// Reads and checks everything first; a mistake there changes nothing. \return what is wrong:
/// nothing changed, or a point could not be opened and all else is in force.
std::optional<std::string> Daemon::reload() {
  spdlog::info("reading the configuration again");  // a million peers take more than a second
  try {
    Config next = load(listeners_.inherited());
    PeerNames names = restore_names(next, observatory_.names());
    tell_problems(next);
    if (const auto lost = observatory_.lost_by(next, config_)) {
      throw ConfigError(fmt::format("the peer {} would be lost: {}", lost->to_base64(),
                                    fmt::join(next.errors, "; ")));
    }
    const HostAddresses host = read_host(next);
    ZoneSource source = read_zone_source(next, host);
    for (const std::string& warning : yield_names(next, source)) spdlog::warn("{}", warning);
    auto zone = make_zone(next, source, peers_, live_);
    auto policy = make_policy(next, load_cookie_secrets(next), policy_.get().get());
    if (auto changed = listeners_.change(next.listen, host); !changed) {
      throw ConfigError(changed.error());
    }
    for (const auto& [word, differs] :
         {std::pair("answer-threads", next.answer_threads != config_.answer_threads),
          std::pair("tcp-connections", next.tcp_connections != config_.tcp_connections),
          std::pair("tcp-connections-per-client",
                    next.tcp_connections_per_client != config_.tcp_connections_per_client),
          std::pair("control", next.control_socket != config_.control_socket),
          std::pair("state-dir", next.state_dir != config_.state_dir)}) {
      if (differs) spdlog::warn("{} changes at the next start only", word);
    }
    if (has_dropped_privilege_ && !next.interfaces.empty()) {
      spdlog::warn(
          "interface: wg-dnsd gave up CAP_NET_ADMIN when it started, because it had no interface "
          "to observe: restart it to read one of the kernel");
    }
    config_ = std::move(next);
    spdlog::set_level(spdlog::level::from_str(config_.log_level));
    zone_source_ = std::move(source);
    publish_zone(zone_source_, std::move(zone));
    policy_.set(std::move(policy));
    observatory_.set_host(host, zone_source_.name_servers);
    const auto points = observatory_.reload(config_);
    observatory_.keep_names(std::move(names));
    query_log_writer_.set_rate(config_.query_log);
    drop_loaded_peers();
    share_descriptors();
    tell_manager();
    reload_problem_ = points ? std::string() : points.error();
    if (!points) {
      spdlog::error("reloaded, except: {}", reload_problem_);
      return reload_problem_;
    }
    spdlog::info("reloaded");
    return std::nullopt;
  } catch (const std::exception& error) {
    spdlog::error("not reloaded, everything stays as it was: {}", error.what());
    reload_problem_ = error.what();
    return reload_problem_;
  }
}

/// Frees configured peers that nothing needs any more: all of them are in the table now. Those with
/// a name stay, because the zone is made with them. With built-in points all stay, for the points
/// and for the commands about peers. Freed memory goes back to the system.
void Daemon::drop_loaded_peers() {
  if (!config_.points.empty() || config_.peers.size() <= kept_peers) return;
  std::erase_if(config_.peers, [](const ConfiguredPeer& peer) { return peer.name.empty(); });
  config_.peers.shrink_to_fit();
  (void)::malloc_trim(0);
}

void Daemon::publish_zone(const ZoneSource& source, std::shared_ptr<const Zone> zone) {
  for (const std::string& warning : warnings_of(source, *zone)) spdlog::warn("{}", warning);
  for (const std::string& advice : source.advice) spdlog::warn("{}", advice);
  published_.set(std::move(zone));
}

/// TCP clients get the descriptors that nothing else needs: listeners may have come or gone.
void Daemon::share_descriptors() {
  const std::size_t connections = threads_.count_connections();  // first: rather too few for them
  const std::size_t others = count_open_descriptors(descriptor_limit_) - connections;
  const std::size_t most = connections_per_thread(descriptor_limit_, others, threads_.count());
  threads_.set_most_connections(most);
  const bool is_few = most < config_.tcp_connections;
  if (is_few && !told_few_connections_)
    spdlog::warn(
        "each answer thread holds at most {} TCP connections, not {}: this process may have {} "
        "descriptors; allow more (LimitNOFILE=), or lower tcp-connections",
        most, config_.tcp_connections, descriptor_limit_);
  told_few_connections_ = is_few;
}

/// Listeners, the addresses in a made zone, and the places of our own keys follow the addresses of
/// the host.
void Daemon::follow_addresses() {
  const HostAddresses host = read_host(config_);
  listeners_.follow(host);
  share_descriptors();
  remake_zone(host);
  observatory_.follow_host(host, zone_source_.name_servers);
  tell_manager();
}

/// The addresses of a made zone's name servers follow those of the host.
void Daemon::remake_zone(const HostAddresses& host) {
  if (config_.zone_file) return;
  try {
    ZoneSource source = read_zone_source(config_, host);
    if (source.name_servers == zone_source_.name_servers) return;
    publish_zone(source, make_zone(config_, source, peers_, live_));
    zone_source_ = std::move(source);
    observatory_.content_changed();
    spdlog::info("the name servers of the zone have other addresses now");
  } catch (const ConfigError& error) {
    spdlog::error("{}", error.what());
  }
}

/// Tells the service manager how many listeners there are, and READY=1 once, as soon as there is
/// one.
void Daemon::tell_manager() {
  const auto listeners = listeners_.status();
  const auto count = std::count_if(listeners.begin(), listeners.end(),
                                   [](const ListenerStatus& one) { return one.is_listening; });
  base::notify_systemd(fmt::format("STATUS={} on {} listeners", config_.zone.to_string(), count));
  if (told_ready_ || count == 0) return;
  told_ready_ = true;
  base::notify_systemd("READY=1");
  spdlog::info("answering");
}

/// Every answer thread takes part: if one hangs, this thread waits for it, WATCHDOG=1 is not sent,
/// and the service manager restarts us.
void Daemon::feed_watchdog(std::chrono::microseconds interval) {
  threads_.touch();
  base::notify_systemd("WATCHDOG=1");
  watchdog_.expires_after(interval);
  watchdog_.async_wait([this, interval](const std::error_code& ec) {
    if (!ec) feed_watchdog(interval);
  });
}

// ---- entry points ----

int run_daemon(const CommandLine& line) {
  return Daemon(line, InheritedSockets::take()).run();
}

bool check_config(const CommandLine& line, std::FILE* out) {
  Config config = load_config(line);
  for (const std::string& error : config.errors) fmt::print(stderr, "wg-dnsd: {}\n", error);
  for (const std::string& warning : config.warnings)
    fmt::print(stderr, "wg-dnsd: warning: {}\n", warning);
  check_something_is_left(config);
  const HostAddresses host = read_host(config);
  const PeerTable peers;
  const LiveState live;
  const ZoneSource source = read_zone_source(config, host);
  for (const std::string& warning : yield_names(config, source))
    fmt::print(stderr, "wg-dnsd: warning: {}\n", warning);
  const auto zone = make_zone(config, source, peers, live);
  for (const std::string& warning : warnings_of(source, *zone))
    fmt::print(stderr, "wg-dnsd: warning: {}\n", warning);
  for (const std::string& warning : find_lost_blocks(config, wg::read_device))
    fmt::print(stderr, "wg-dnsd: warning: {}\n", warning);
  (void)make_policy(config, load_cookie_secrets(config), nullptr);
  for (const PlannedListener& plan : plan_listeners(config.listen, host, {})) {
    if (const auto warning = exposure_warning(plan))
      fmt::print(stderr, "wg-dnsd: warning: {}\n", *warning);
  }
  print(out, to_yaml(config));
  return config.errors.empty();
}

void print_delegation(const CommandLine& line, std::FILE* out) {
  const Config config = load_config(line);
  const ZoneSource source = read_zone_source(config, read_host(config));
  std::string text;
  for (const auto& record : make_delegation(source.name_servers, config.zone))
    text += dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata);
  print(out, text);
  for (const std::string& advice : source.advice) fmt::print(stderr, "wg-dnsd: {}\n", advice);
}

}  // namespace dnsd
