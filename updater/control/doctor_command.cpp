#include "updater/control/doctor_command.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/output.hpp"
#include "updater/control/control_request.hpp"
#include "updater/report/doctor.hpp"

namespace updater {
namespace {

constexpr int exit_problem = 2;

int fail(const std::string& why) {
  fmt::print(stderr, "wg-updater: {}\n", why);
  return exit_problem;
}

base::Expected<DaemonFacts, std::string> ask_facts(const std::string& socket) {
  const auto text = control::ask_text(
      daemon_at(socket), write_control_request({ControlRequest::Command::doctor, false, ""}));
  if (!text) return base::Unexpected(text.error() + "; --zone and --hub judge without a daemon");
  return parse_daemon_facts(*text);
}

}  // namespace

int run_doctor(const std::string& interface, const std::string& socket,
               const std::optional<DaemonFacts>& facts, bool json, std::FILE* out) {
  auto daemon = facts ? base::Expected<DaemonFacts, std::string>(*facts) : ask_facts(socket);
  if (!daemon) return fail(daemon.error());
  const auto collected = collect_facts(interface, *std::move(daemon));
  if (!collected) return fail(collected.error());
  dns::RealOutside outside(collected->daemon.server);
  const auto diagnoses = examine(*collected, outside);
  const std::string text =
      json ? control::diagnoses_json(diagnoses, {{"interface", interface},
                                                 {"zone", collected->daemon.zone.to_string()}})
           : control::diagnoses_text(diagnoses);
  if (!base::print_output(out, text)) return fail("the output cannot be written");
  return control::exit_code(diagnoses);
}

}  // namespace updater
