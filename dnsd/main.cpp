#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>

#include "base/version.hpp"
#include "dnsd/control/control_request.hpp"
#include "dnsd/control/doctor_command.hpp"
#include "dnsd/daemon.hpp"
#include "dnsd/settings/command_line.hpp"
#include "dnsd/settings/config.hpp"

namespace {

constexpr int exit_ok = 0;
constexpr int exit_failure = 1;  // this host does not let us serve
constexpr int exit_usage = 2;    // the command line or the configuration is wrong

/// A command that asks the running daemon.
struct Question {
  CLI::App* command = nullptr;
  dnsd::ControlRequest request;
};

int run(const dnsd::CommandLine& line) {
  if (line.check_config) {
    dnsd::check_config(line, stdout);
    return exit_ok;
  }
  if (line.print_delegation) {
    dnsd::print_delegation(line, stdout);
    return exit_ok;
  }
  return dnsd::run_daemon(line);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Authoritative DNS server that answers where WireGuard peers were seen.", "wg-dnsd");
  app.set_version_flag("--version", "wg-dnsd " + std::string(base::version));
  app.require_subcommand(0, 1);
  dnsd::CommandLine line;
  dnsd::add_run_options(app, line);
  app.add_subcommand("run", "Serve (the same without this word); takes the options above")
      ->fallthrough();

  using Command = dnsd::ControlRequest::Command;
  std::string socket(dnsd::default_control_socket);
  bool is_public = false;
  bool json = false;
  const auto add_question = [&](const char* name, const char* help) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("--control", socket, "Socket of the running daemon")
        ->type_name("SOCKET")
        ->capture_default_str();
    return command;
  };
  const auto add_json = [&](CLI::App* command) {
    command->add_flag("--json", json, "For programs: JSON");
    return command;
  };
  CLI::App* zone = add_question("zone", "Print the private view of the zone as a zone file");
  zone->add_flag("--public", is_public, "Print the public view");
  std::string name;
  std::string type = "SRV";
  CLI::App* query = add_json(add_question(
      "query", "Show the answer to one question, and why it is so; exit 1 if it holds no record"));
  query->add_option("name", name, "A domain name, or a peer's public key")
      ->type_name("NAME")
      ->required();
  query->add_option("type", type, "Record type")->type_name("TYPE")->capture_default_str();
  query->add_flag("--public", is_public, "As a public listener answers");
  std::string doctor_zone;
  CLI::App* doctor = add_json(add_question(
      "doctor", "Check from outside that this server is found; exit 0 ok, 1 warnings, 2 problems"));
  doctor->add_option("--zone", doctor_zone, "Judge what others see of this zone; asks no daemon")
      ->type_name("NAME");
  add_question("pubkey", "Print the public key of each built-in observation point");
  CLI::App* peer = app.add_subcommand("peer", "Manage the peers of the built-in points");
  peer->require_subcommand(1);
  dnsd::ControlRequest peer_request;
  const auto add_peer_question = [&](const char* word, const char* help) {
    CLI::App* command = peer->add_subcommand(word, help);
    command->add_option("--control", socket, "Socket of the running daemon")
        ->type_name("SOCKET")
        ->capture_default_str();
    return command;
  };
  const auto add_peer_name = [&](CLI::App* command) {
    command->add_option("name", name, "Name or public key of the peer")
        ->type_name("NAME")
        ->required();
    return command;
  };
  CLI::App* peer_add =
      add_peer_name(add_peer_question("add", "Register a peer; it stays over a restart"));
  peer_add->add_option("key", peer_request.key, "Its public key")->type_name("KEY")->required();
  peer_add
      ->add_option("--allowed-ips", peer_request.allowed_ips, "Its addresses inside the tunnels")
      ->type_name("PREFIX")
      ->delimiter(',');
  peer_add
      ->add_option("--preshared-key-file", peer_request.preshared_key_file,
                   "Its preshared key, in a file that the daemon can read")
      ->type_name("FILE");
  const Question questions[] = {
      {app.get_subcommand("pubkey"), {.command = Command::pubkey}},
      {add_peer_name(add_peer_question("config", "Print what stands in the peer's own wg0.conf")),
       {.command = Command::peer_config}},
      {peer_add, {.command = Command::peer_add}},
      {add_peer_name(add_peer_question("remove", "Take out a peer that was added")),
       {.command = Command::peer_remove}},
      {add_json(add_peer_question("list", "List who is configured, and who was added")),
       {.command = Command::peer_list}},
      {add_peer_name(add_peer_question("reset", "Accept a peer again whose clock was set back")),
       {.command = Command::peer_reset}},
      {zone, {.command = Command::zone}},
      {add_json(add_question("status", "Tell how the daemon is; exit 0 ok, 1 degraded, 2 down")),
       {.command = Command::status}},
      {add_json(add_question("peers", "List the registered peers and where they were seen")),
       {.command = Command::peers}},
      {query, {.command = Command::query}},
      {add_question("reload", "Read configuration, peers and zone file again; exit 1 if refused"),
       {.command = Command::reload}},
  };

  try {
    app.parse(argc, argv);
    if (doctor->parsed()) {
      return dnsd::run_doctor(
          socket, doctor_zone.empty() ? std::nullopt : std::optional(doctor_zone), json, stdout);
    }
    for (const Question& question : questions) {
      if (!question.command->parsed()) continue;
      dnsd::ControlRequest request = question.request;
      if (is_public) request.view = dnsd::View::public_view;
      request.json = json;
      request.name = name;
      request.type = type;
      request.key = peer_request.key;
      request.allowed_ips = peer_request.allowed_ips;
      if (!peer_request.preshared_key_file.empty()) {
        request.preshared_key_file =
            std::filesystem::absolute(peer_request.preshared_key_file).string();
      }
      return control::run_command(dnsd::daemon_at(socket), dnsd::write_control_request(request),
                                  stdout);
    }
    return run(line);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;  // --help and --version come this way
  } catch (const dnsd::ConfigError& error) {
    fmt::print(stderr, "wg-dnsd: {}\n", error.what());
    return exit_usage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "wg-dnsd: {}\n", error.what());
    return exit_failure;
  }
}
