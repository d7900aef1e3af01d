#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "base/version.hpp"
#include "schema/owner_name.hpp"
#include "updater/control.hpp"
#include "updater/loop.hpp"

namespace {

constexpr int exit_ok = 0;
constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

constexpr base::Port dns_port{53};
constexpr const char* default_state_folder = "/var/lib/wg-updater";

/// What the operator typed, as text.
struct Arguments {
  std::string interface;
  std::string zone;
  std::vector<std::string> hubs;
  std::string server;
  std::string state_file;
  std::string control;
  std::string log_level = "info";
  long direct_keepalive = 25;
  bool once = false;
  bool dry_run = false;
};

void declare(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", "wg-updater " + std::string(base::version));
  app.add_option("interface", arguments.interface, "WireGuard interface")
      ->type_name("IFACE")
      ->required();
  app.add_option("--zone", arguments.zone, "Zone in which wg-dnsd publishes the peers")
      ->type_name("ZONE")
      ->required();
  app.add_option("--hub", arguments.hubs,
                 "Public key of the public host: never punched (repeatable)")
      ->type_name("KEY")
      ->allow_extra_args(false);
  app.add_flag("--once", arguments.once, "One round, then exit; what was set stays");
  app.add_flag("--dry-run", arguments.dry_run,
               "One round that prints each change and its reason, and writes nothing");
  app.add_option("--server", arguments.server, "Ask this DNS server, not the system's resolver")
      ->type_name("ADDR[:PORT]");
  app.add_option("--state", arguments.state_file,
                 "What has to be known after a restart "
                 "(default $STATE_DIRECTORY/IFACE.json, or /var/lib/wg-updater/IFACE.json)")
      ->type_name("FILE");
  app.add_option("--control", arguments.control,
                 "Socket on which this daemon is asked "
                 "(default $RUNTIME_DIRECTORY/IFACE.sock, or /run/wg-updater/IFACE.sock)")
      ->type_name("PATH");
  app.add_option("--direct-keepalive", arguments.direct_keepalive,
                 "Keepalive of direct peers that have none of the user's, seconds")
      ->type_name("S")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("--log-level", arguments.log_level, "What is worth a line")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.footer(
      "Ask the running daemon:\n"
      "  wg-updater status IFACE [--json|--watch]   every peer, its state and path\n"
      "  wg-updater why IFACE PEER                  the story of one peer, and what to do\n"
      "Exit status: 0 done, 1 failed at run time, 2 wrong usage. See wg-updater(8).");
}

/// `ADDR` or `ADDR:PORT`, an IPv6 address with a port in brackets.
std::optional<base::Endpoint> parse_server(const std::string& text) {
  if (const auto address = base::IpAddress::parse(text)) return base::Endpoint{*address, dns_port};
  return base::Endpoint::parse(text);
}

bool is_interface_name(const std::string& name) {
  return !name.empty() && name.size() <= 15 && name != "." && name != ".." &&
         name.find_first_of("/ \t\n") == std::string::npos;
}

std::filesystem::path choose_state_file(const Arguments& arguments) {
  if (!arguments.state_file.empty()) return arguments.state_file;
  const char* folder = std::getenv("STATE_DIRECTORY");
  return std::filesystem::path(folder != nullptr ? folder : default_state_folder) /
         (arguments.interface + ".json");
}

/// \throws CLI::ValidationError that names the option and what is wrong.
updater::Options interpret(const Arguments& arguments) {
  updater::Options options;
  if (arguments.dry_run) {
    options.mode = updater::Options::Mode::dry_run;
  } else if (arguments.once) {
    options.mode = updater::Options::Mode::once;
  }
  options.settings.one_round = options.mode != updater::Options::Mode::daemon;
  if (!is_interface_name(arguments.interface))
    throw CLI::ValidationError("IFACE", '"' + arguments.interface + "\" is no interface name");
  options.interface = arguments.interface;

  const auto zone = dns::Name::parse(arguments.zone);
  if (!zone || zone->view().is_root())
    throw CLI::ValidationError("--zone", '"' + arguments.zone + "\" is not the name of a zone");
  if (zone->view().wire().size() > schema::max_zone_octets)
    throw CLI::ValidationError("--zone", "the names of its peers would be longer than 255 octets");
  options.zone = *zone;

  for (const std::string& text : arguments.hubs) {
    const auto key = wg::PublicKey::parse(text);
    if (!key) throw CLI::ValidationError("--hub", '"' + text + "\" is not a public key");
    options.settings.hubs.insert(*key);
  }
  if (!arguments.server.empty()) {
    options.server = parse_server(arguments.server);
    if (!options.server)
      throw CLI::ValidationError(
          "--server", '"' + arguments.server + "\" is not an address, or an address and a port");
  }
  options.settings.direct_keepalive = std::chrono::seconds(arguments.direct_keepalive);
  options.state_file = choose_state_file(arguments);
  options.control = arguments.control.empty() ? updater::default_control_socket(options.interface)
                                              : arguments.control;
  return options;
}

/// `-device wg0 -dns 203.0.113.10:53 -zone wg.example.org` as wgsd-client takes it, one or two
/// dashes, also with `=`: one round. \return the words in this program's own way; others stay as
/// they are.
std::vector<std::string> translate_wgsd_client(const std::vector<std::string>& words) {
  std::vector<std::string> translated;
  bool is_wgsd_client = false;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    std::vector<std::string> own = {word};
    if (name == "-device" || name == "--device") {
      own.clear();  // the interface is a word of its own here
      is_wgsd_client = true;
    } else if (name == "-dns" || name == "--dns") {
      own = {"--server"};
    } else if (name == "-zone") {
      own = {"--zone"};
    }
    if (equals != std::string::npos && own != std::vector{word})
      own.push_back(word.substr(equals + 1));
    translated.insert(translated.end(), own.begin(), own.end());
  }
  if (!is_wgsd_client) return words;
  translated.emplace_back("--once");
  return translated;
}

/// `status IFACE`, `why IFACE PEER`: asks the running daemon.
int ask(std::vector<std::string> words) {
  using updater::ControlRequest;
  CLI::App app("Asks the running wg-updater of an interface", "wg-updater");
  ControlRequest request;
  std::string interface;
  std::string control;
  bool watch = false;
  CLI::App* status = app.add_subcommand("status", "Every peer, its state and path");
  CLI::App* why = app.add_subcommand("why", "The story of one peer, and what to do");
  for (CLI::App* command : {status, why}) {
    command->add_option("interface", interface, "WireGuard interface")
        ->type_name("IFACE")
        ->required();
    command->add_option("--control", control, "Socket of the daemon")->type_name("PATH");
  }
  auto* json = status->add_flag("--json", request.json, "One JSON object");
  status->add_flag("--watch", watch, "Again every second, until interrupted")->excludes(json);
  why->add_option("peer", request.peer, "Its public key, or the beginning of it")
      ->type_name("PEER")
      ->required();
  app.require_subcommand(1);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  if (why->parsed()) request.command = ControlRequest::Command::why;
  if (control.empty()) control = updater::default_control_socket(interface);
  while (watch) {
    std::fputs("\033[H\033[2J", stdout);
    const int code = updater::run_control_command(control, request, stdout);
    if (code != exit_ok) return code;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  return updater::run_control_command(control, request, stdout);
}

int run(int argc, const char* const* argv) {
  CLI::App app("Sets the endpoints of WireGuard peers from DNS, and keeps the tunnels direct",
               "wg-updater");
  Arguments arguments;
  declare(app, arguments);
  // `run` is the default word; others ask the running daemon.
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && (words.front() == "status" || words.front() == "why")) return ask(words);
  if (!words.empty() && words.front() == "run") words.erase(words.begin());
  words = translate_wgsd_client(words);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  updater::Options options;
  try {
    app.parse(words);
    options = interpret(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  base::start_log("wg-updater", spdlog::level::from_str(arguments.log_level));
  return updater::run(options) ? exit_ok : exit_failure;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wg-updater: %s\n", error.what());
    return exit_failure;
  }
}
