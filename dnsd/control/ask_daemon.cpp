#include "dnsd/control/ask_daemon.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <optional>

#include "control/client.hpp"
#include "dnsd/control/doctor_command.hpp"

namespace dnsd {
namespace {

using Command = ControlRequest::Command;

/// For a command that reads the configuration again: a million peers take seconds.
constexpr std::chrono::seconds reload_patience{30};

bool reads_again(Command command) {
  return command == Command::reload || command == Command::peer_add ||
         command == Command::peer_remove || command == Command::peer_rename ||
         command == Command::peer_new;
}

CLI::App* add_question(CLI::App& app, Question& question, const char* word, const char* help,
                       Command which) {
  CLI::App* command = app.add_subcommand(word, help);
  command->add_option("--control", question.socket, "Socket of the running daemon")
      ->type_name("SOCKET")
      ->capture_default_str();
  command->callback([&question, which] {
    question.is_asked = true;
    question.request.command = which;
  });
  return command;
}

void add_json(CLI::App* command, Question& question) {
  command->add_flag("--json", question.request.json, "For programs: JSON");
}

void add_public(CLI::App* command, Question& question, const char* help) {
  command->add_flag_callback(
      "--public", [&question] { question.request.view = View::public_view; }, help);
}

void add_peer_name(CLI::App* command, Question& question) {
  command->add_option("name", question.request.name, "Name or public key of the peer")
      ->type_name("NAME")
      ->required();
}

void add_peer_questions(CLI::App& app, Question& question) {
  CLI::App* peer = app.add_subcommand("peer", "Manage the peers of the built-in points");
  peer->require_subcommand(1);
  const auto add = [&](const char* word, const char* help, Command which) {
    return add_question(*peer, question, word, help, which);
  };
  ControlRequest& request = question.request;
  CLI::App* added = add("add", "Register a peer; it stays over a restart", Command::peer_add);
  add_peer_name(added, question);
  added->add_option("key", request.key, "Its public key")->type_name("KEY")->required();
  added->add_option("--allowed-ips", request.allowed_ips, "Its addresses inside the tunnels")
      ->type_name("PREFIX")
      ->delimiter(',');
  added
      ->add_option("--preshared-key-file", request.preshared_key_file,
                   "Its preshared key, in a file that the daemon can read")
      ->type_name("FILE");
  added->add_flag("--force", request.force,
                  "Also where it takes addresses over from another peer, or where nothing sees it");
  add_peer_name(
      add("config", "Print what belongs in the peer's own wg0.conf", Command::peer_config),
      question);
  add_peer_name(add("remove", "Remove a peer that was added", Command::peer_remove), question);
  CLI::App* made = add("new", "Make a key pair, register the peer, and print its whole file, once",
                       Command::peer_new);
  made->add_option("name", request.name, "Name of the new peer")->type_name("NAME")->required();
  made->add_flag("--qr", request.qr, "A QR code for the app on a phone, instead of the file");
  made->add_flag("--full", request.full, "Every other peer, too, through the public host");
  CLI::App* renamed =
      add("rename", "Give a peer another name; it stays over a restart", Command::peer_rename);
  add_peer_name(renamed, question);
  renamed->add_option("new-name", request.new_name, "The name that it gets")
      ->type_name("NEW-NAME")
      ->required();
  add_json(add("list", "List the configured and the added peers", Command::peer_list), question);
  add_peer_name(add("reset", "Accept a peer again whose clock was set back", Command::peer_reset),
                question);
}

}  // namespace

void add_questions(CLI::App& app, Question& question) {
  const auto add = [&](const char* word, const char* help, Command which) {
    return add_question(app, question, word, help, which);
  };
  ControlRequest& request = question.request;
  add_public(add("zone", "Print the private view of the zone as a zone file", Command::zone),
             question, "Print the public view");
  CLI::App* query = add(
      "query", "Show the answer to one question, and why it is so; exit 1 if it holds no record",
      Command::query);
  add_json(query, question);
  query->add_option("name", request.name, "A domain name, or a peer's public key")
      ->type_name("NAME")
      ->required();
  query->add_option("type", request.type, "Record type")->type_name("TYPE")->capture_default_str();
  add_public(query, question, "As a public listener answers");
  CLI::App* doctor = add(
      "doctor", "Check from outside that this server is found; exit 0 ok, 1 warnings, 2 problems",
      Command::doctor);
  add_json(doctor, question);
  doctor
      ->add_option("--zone", question.doctor_zone,
                   "Judge what others see of this zone; asks no daemon")
      ->type_name("NAME");
  add("pubkey", "Print the public key of each built-in observation point", Command::pubkey);
  add_peer_questions(app, question);
  add_json(
      add("status", "Show the state of the daemon; exit 0 ok, 1 degraded, 2 down", Command::status),
      question);
  add_json(add("peers", "List the registered peers and where they were seen", Command::peers),
           question);
  add("log-level", "Change what the daemon logs, until it ends", Command::log_level)
      ->add_option("level", request.name,
                   "Allowed: debug, info, warning or error. Without it: the present one.")
      ->type_name("LEVEL");
  add("reload", "Read configuration, peers and zone file again; exit 1 if refused",
      Command::reload);
}

int ask_daemon(const Question& question, std::FILE* out) {
  if (question.request.command == Command::doctor) {
    const auto zone =
        question.doctor_zone.empty() ? std::nullopt : std::optional(question.doctor_zone);
    return run_doctor(question.socket, zone, question.request.json, out);
  }
  ControlRequest request = question.request;
  // The daemon reads it, in another working folder.
  if (!request.preshared_key_file.empty())
    request.preshared_key_file = std::filesystem::absolute(request.preshared_key_file).string();
  control::Daemon daemon = daemon_at(question.socket);
  if (reads_again(request.command)) daemon.patience = reload_patience;
  return control::run_command(daemon, write_control_request(request), out);
}

}  // namespace dnsd
