#include "updater/loop.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cstdio>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/interfaces.hpp"
#include "base/notify.hpp"
#include "base/output.hpp"
#include "base/replace_file.hpp"
#include "base/signals.hpp"
#include "base/version.hpp"
#include "control/server.hpp"
#include "updater/control/commands.hpp"
#include "updater/host/endpoint_watch.hpp"
#include "updater/host/interface_lock.hpp"
#include "updater/host/local_watch.hpp"
#include "updater/host/memory_file.hpp"
#include "updater/host/name_file.hpp"
#include "updater/host/probe.hpp"
#include "updater/lookup/lookup_worker.hpp"
#include "updater/machine.hpp"
#include "updater/plan/memory.hpp"
#include "updater/report/seen_ways.hpp"
#include "updater/tunnel/private_view.hpp"
#include "updater/tunnel/tunnel_address.hpp"

// One process of wg-updater: it ties the state machine to the world. Each tick reads the device and
// this host's addresses, lets the machine step, and carries the plan out in its order. An answer
// (look-up, private view, change of routes) is given to the machine and followed by a tick at once.
//
// All of it runs on the thread that calls run(). Only the look-ups and the watch over endpoints
// have threads of their own; LookupWorker and EndpointWatch bring their results here.
//
// Elsewhere: every decision (machine.hpp), the conversation inside the tunnel
// (tunnel/private_view.hpp), the answers on the control socket (control/commands.hpp).
namespace updater {
namespace {

using namespace std::chrono_literals;

/// How often a missing device is looked for.
constexpr auto missing_poll_interval = 1s;
constexpr auto metrics_interval = 15s;

Settings settings_of(const Config& config) {
  Settings settings = config.settings;
  settings.lan = uses_private_server(config);
  if (config.private_server) settings.private_server = config.private_server->address;
  return settings;
}

class Loop : private PrivateView::Listener {
 public:
  Loop(const Config& config, base::FileDescriptor lock);
  [[nodiscard]] bool run();

 private:
  void learn_lan(const LanResult& result) override;
  void learn_pause(const wg::PublicKey& peer, bool is_granted) override;
  void learn_text(const wg::PublicKey& peer, const PublishedText& text) override;
  [[nodiscard]] MeshQuestions find_mesh_questions(const std::set<wg::PublicKey>& listed) override;
  [[nodiscard]] std::vector<SeenWay> find_ways() const override;
  void learn_mesh(const base::IpAddress& server, const MeshList& list) override;

  void follow_hangups();
  void tick();
  void read_names();
  void take(const std::vector<Note>& notes);
  void miss_device(const wg::DeviceError& error);
  void carry_out(const Plan& plan);
  void write(const std::vector<Change>& changes);
  void tell(const std::vector<Note>& notes) const;
  [[nodiscard]] Report describe() const;
  [[nodiscard]] base::Expected<Report, std::string> describe_if_here() const;
  [[nodiscard]] base::Expected<Echoes, std::string> ping(const wg::PublicKey& peer, bool send);
  void write_metrics();
  void finish();
  void fail();
  void wait_until(base::SteadyTime time);
  void feed_watchdog(base::SteadyTime now);
  [[nodiscard]] bool is_daemon() const { return config_.mode == Config::Mode::daemon; }
  [[nodiscard]] bool is_dry_run() const { return config_.mode == Config::Mode::dry_run; }

  const Config& config_;
  MemoryFile memory_file_;
  NameFile name_file_;
  Machine machine_;
  asio::io_context context_{1};
  InterfaceLock lock_;
  asio::steady_timer timer_{context_};
  asio::signal_set signals_{context_, SIGTERM, SIGINT};
  asio::posix::stream_descriptor hangups_{context_, base::open_hangups().release()};
  LocalWatch local_watch_;
  std::map<wg::PublicKey, Echoes> echoes_;  // of peers that somebody pinged
  EchoProber prober_;
  PrivateView private_view_;
  control::Server control_;
  wg::Device device_;  // as last read
  std::optional<std::chrono::microseconds> watchdog_ = base::watchdog_interval();
  base::SteadyTime watchdog_fed_;
  std::string device_problem_;  // why it cannot be read; empty: it can
  bool seen_device_ = false;
  bool write_failing_ = false;
  base::SteadyTime metrics_due_;
  bool metrics_failing_ = false;
  bool ok_ = true;
  // The last members: until they are destroyed their threads may deliver results.
  EndpointWatch watch_;
  LookupWorker worker_;
};

Loop::Loop(const Config& config, base::FileDescriptor lock)
    : config_(config),
      memory_file_(config.state_file, config.mode == Config::Mode::dry_run
                                          ? MemoryFile::Access::read_only
                                          : MemoryFile::Access::read_write),
      name_file_(config.wg_quick_file),
      machine_(settings_of(config), memory_file_.load(), std::random_device()()),
      lock_(context_, std::move(lock)),
      local_watch_(context_, config.interface,
                   [this](const std::set<base::IpAddress>& source_changed) {
                     spdlog::info("addresses or routes of this host changed");
                     machine_.change_local(base::read_clock(), source_changed);
                     tick();
                   }),
      prober_(context_, config.interface,
              [this](const wg::PublicKey& peer, std::chrono::microseconds round_trip) {
                machine_.learn_round_trip(peer, round_trip);
                if (const auto known = echoes_.find(peer); known != echoes_.end()) {
                  ++known->second.answered;
                  known->second.round_trip = round_trip;
                }
              }),
      private_view_(context_, config, *this),
      control_(context_, "wg-updater",
               [this](std::string_view line) {
                 return answer_request(
                     line, config_, describe_if_here(), machine_.memory(),
                     [this](const wg::PublicKey& peer, bool send) { return ping(peer, send); });
               }),
      watch_(
          context_,
          [interface = config.interface]() -> std::optional<wg::Device> {
            auto device = wg::read_device(interface);
            if (!device) return std::nullopt;
            return *std::move(device);
          },
          [this](const wg::PublicKey& peer, const base::Endpoint& endpoint) {
            machine_.see(peer, endpoint);
            tick();
          }),
      worker_(context_, {config.zone, config.server, config.wg_quick_file},
              {[this](const LookupResult& result) {
                 if (!is_daemon() && !result.endpoints && !is_about_peer(result.endpoints.error()))
                   ok_ = false;
                 take(machine_.learn(base::read_clock(), result));
               },
               [this](const HubResult& result) {
                 machine_.learn_hub(base::read_clock(), result);
                 tick();
               },
               [this](const std::vector<base::IpAddress>& addresses) {
                 machine_.learn_name_servers(base::read_clock(), addresses);
                 tick();
               }}) {}

bool Loop::run() {
  signals_.async_wait([this](const std::error_code& ec, int /*signal*/) {
    if (!ec) finish();
  });
  if (is_daemon()) follow_hangups();
  if (is_daemon())
    spdlog::info("wg-updater {} for {} in {}", base::version, config_.interface,
                 config_.zone.to_string());
  // Peers are connected even if the control socket cannot be opened.
  if (is_daemon() && !config_.control.empty()) {
    const auto opened = control_.open(config_.control);
    if (!opened)
      spdlog::warn("`wg-updater status` and the other commands cannot ask this daemon: {}",
                   opened.error().message);
  }
  tick();
  if (is_daemon()) base::notify_systemd("READY=1");
  context_.run();
  return ok_;
}

/// Only says so: nothing is read again while the program runs.
void Loop::follow_hangups() {
  hangups_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const std::error_code& ec) {
    if (ec) return;
    base::take_hangup(hangups_.native_handle());
    spdlog::info("SIGHUP: the options are read at the start only; a restart reads them again");
    follow_hangups();
  });
}

void Loop::tick() {
  const base::Now now = base::read_clock();
  feed_watchdog(now.steady);
  const auto device = wg::read_device(config_.interface);
  if (!device) {
    miss_device(device.error());
    return;
  }
  if (!device_problem_.empty()) spdlog::info("{}: here", config_.interface);
  device_problem_.clear();
  seen_device_ = true;
  local_watch_.follow(*device);
  read_names();
  device_ = *device;
  const auto read = base::read_interface_addresses();
  const auto host = read ? *read : std::vector<base::InterfaceAddress>();
  // Without `mesh`, too: an earlier run may have added peers.
  if (is_daemon()) {
    tell(machine_.observe_mesh(now, *device, ::if_nametoindex(config_.interface.c_str())));
  }
  const Plan plan = machine_.step(now, *device, host);
  private_view_.follow(now, *device, machine_.hubs(), host);
  carry_out(plan);
  if (is_daemon() && now.steady >= metrics_due_) {
    metrics_due_ = now.steady + metrics_interval;
    write_metrics();
  }
  if (!is_daemon() && machine_.is_settled()) {
    context_.stop();
    return;
  }
  wait_until(plan.next);
}

void Loop::read_names() {
  const auto names = name_file_.read_if_new();
  if (!names) return;
  for (const std::string& warning : names->warnings) spdlog::warn(warning);
  machine_.learn_names(names->peers);
}

/// A daemon waits for its device. It ends only at the start, and only for an error that waiting
/// cannot mend.
void Loop::miss_device(const wg::DeviceError& error) {
  using Kind = wg::DeviceError::Kind;
  const bool is_hopeless =
      !seen_device_ && (error.kind == Kind::bad_name || error.kind == Kind::no_permission ||
                        error.kind == Kind::read_only);
  if (!is_daemon() || is_hopeless) {
    spdlog::error(error.message);
    fail();
    return;
  }
  if (device_problem_.empty()) {
    spdlog::warn("{}; waiting for it", error.message);
    machine_.lose_device();
    watch_.follow({});
    prober_.forget_interface();
    memory_file_.save(machine_.memory());
  }
  device_problem_ = error.message;
  wait_until(base::read_steady() + missing_poll_interval);
}

void Loop::carry_out(const Plan& plan) {
  if (plan.remember) memory_file_.save(machine_.memory());
  if (is_daemon()) {
    for (const ViaRequest& via : plan.vias) {
      if (!private_view_.say_via(via)) machine_.kick_hub(via.hub);
    }
  }
  write(plan.changes);
  if (is_daemon()) {
    if (!plan.changes.empty()) watch_.forget();
    watch_.follow(plan.watches);
    for (const PauseRequest& pause : plan.pauses) private_view_.ask_pause(pause);
    for (const Probe& probe : plan.probes) prober_.send(probe);
  }
  for (const LookupRequest& request : plan.lookups) {
    worker_.start(request);
    if (request.with_text) private_view_.ask_text(request.peer);
  }
  for (const HubRequest& request : plan.hub_lookups) worker_.start(request);
  if (plan.name_servers) worker_.start_name_servers();
  for (const wg::PublicKey& peer : plan.lan_lookups) private_view_.ask_lan(peer);
  tell(plan.notes);
}

/// Logs what an answer changed, and decides again at once.
void Loop::take(const std::vector<Note>& notes) {
  tell(notes);
  tick();
}

void Loop::learn_lan(const LanResult& result) {
  take(machine_.learn_lan(base::read_clock(), result));
}

void Loop::learn_pause(const wg::PublicKey& peer, bool is_granted) {
  machine_.learn_pause(peer, is_granted);
  tick();
}

void Loop::learn_text(const wg::PublicKey& peer, const PublishedText& text) {
  machine_.learn_private(peer, text);
  tick();
}

MeshQuestions Loop::find_mesh_questions(const std::set<wg::PublicKey>& listed) {
  return find_questions(config_.settings.mesh, device_, listed, machine_.memory());
}

std::vector<SeenWay> Loop::find_ways() const {
  return find_seen_ways(describe());
}

/// Reads the device again before deciding: somebody may have added a peer by hand meanwhile.
void Loop::learn_mesh(const base::IpAddress& server, const MeshList& list) {
  const auto device = wg::read_device(config_.interface);
  const auto host = base::read_interface_addresses();
  const unsigned index = ::if_nametoindex(config_.interface.c_str());
  if (!device || !host || index == 0) return;
  const base::Now now = base::read_clock();
  tell(machine_.observe_mesh(now, *device, index));
  const MeshPlan plan = machine_.plan_mesh(now, *device, index, server, *host, list);
  tell(plan.notes);
  if (plan.change == wg::Membership()) return;
  memory_file_.save(machine_.memory());
  const auto done = wg::change_membership(config_.interface, plan.change);
  if (!done)
    spdlog::error("mesh: peers cannot be added to or removed from WireGuard: {}",
                  done.error().message);
  tick();
}

void Loop::write(const std::vector<Change>& changes) {
  if (changes.empty()) return;
  std::vector<wg::PeerUpdate> updates;
  for (const Change& change : changes) {
    const Note note = make_note(change);
    if (is_dry_run()) {
      ok_ = base::print_output(stdout, to_string(note, machine_.settings()) + "\n") && ok_;
    } else {
      tell({note});
    }
    updates.insert(updates.end(), change.updates.begin(), change.updates.end());
  }
  if (is_dry_run()) return;
  const auto written = wg::set_peers(config_.interface, updates);
  if (!written && !write_failing_)
    spdlog::error("WireGuard takes no change: {}", written.error().message);
  if (!written) machine_.metrics().count_write_failure();
  if (!written && !is_daemon()) ok_ = false;
  write_failing_ = !written;
}

Report Loop::describe() const {
  Report report = machine_.describe(base::read_clock(), device_);
  report.interface = config_.interface;
  report.zone = config_.zone.to_string();
  return report;
}

base::Expected<Report, std::string> Loop::describe_if_here() const {
  if (!device_problem_.empty()) return base::Unexpected(device_problem_);
  if (!seen_device_) return base::Unexpected(config_.interface + ": not read yet");
  return describe();
}

base::Expected<Echoes, std::string> Loop::ping(const wg::PublicKey& peer, bool send) {
  const auto host = base::read_interface_addresses();
  const auto* shown = device_.find(peer);
  const auto target = shown == nullptr || !host
                          ? std::nullopt
                          : find_tunnel_address(shown->allowed_ips, device_, *host);
  if (!target)
    return base::Unexpected(fmt::format(
        "{} cannot be pinged: none of its AllowedIPs is one address (/32, /128) of a family that "
        "{} has",
        machine_.settings().describe(peer), config_.interface));
  Echoes& echoes = echoes_[peer];
  echoes.target = *target;
  if (send) {
    prober_.send({peer, *target});
    ++echoes.sent;
  }
  return echoes;
}

/// A failure is logged when it begins and when it ends.
void Loop::write_metrics() {
  if (config_.metrics_file.empty()) return;
  const auto written = base::replace_file(
      config_.metrics_file, machine_.metrics().write(describe()), base::FileUse::published);
  if (!written && !metrics_failing_) {
    spdlog::warn("{}: metrics cannot be written: {}", config_.metrics_file,
                 written.error().message());
  } else if (written && metrics_failing_) {
    spdlog::info("{}: metrics are written again", config_.metrics_file);
  }
  metrics_failing_ = !written;
}

void Loop::finish() {
  if (is_daemon()) {
    base::notify_systemd("STOPPING=1");
    if (const auto device = wg::read_device(config_.interface)) {
      write(machine_.give_back(*device));
      if (!write_failing_) machine_.forget_keepalives();
    }
    memory_file_.save(machine_.memory());
    write_metrics();
  }
  context_.stop();
}

void Loop::fail() {
  ok_ = false;
  context_.stop();
}

void Loop::wait_until(base::SteadyTime time) {
  timer_.expires_at(time);
  timer_.async_wait([this](const std::error_code& ec) {
    if (!ec) tick();
  });
}

void Loop::feed_watchdog(base::SteadyTime now) {
  if (!watchdog_ || now - watchdog_fed_ < *watchdog_) return;
  watchdog_fed_ = now;
  base::notify_systemd("WATCHDOG=1");
}

void Loop::tell(const std::vector<Note>& notes) const {
  for (const Note& note : notes) {
    const std::string line = to_string(note, machine_.settings());
    if (!note.mechanism.empty())
      spdlog::debug(
          to_string({Note::Level::detail, note.mechanism, note.peer}, machine_.settings()));
    switch (note.level) {
      case Note::Level::detail:
        spdlog::debug(line);
        break;
      case Note::Level::change:
        spdlog::info(line);
        break;
      case Note::Level::trouble:
        spdlog::warn(line);
        break;
    }
  }
}

}  // namespace

bool run(const Config& config) {
  // A dry run only reads, and may do so beside another updater.
  if (config.mode == Config::Mode::dry_run) return Loop(config, {}).run();
  auto lock = lock_interface(config.interface);
  if (!lock) throw ConfigError(lock.error());
  return Loop(config, *std::move(lock)).run();
}

}  // namespace updater
