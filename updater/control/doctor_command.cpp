#include "updater/control/doctor_command.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/output.hpp"
#include "base/replace_file.hpp"
#include "base/version.hpp"
#include "updater/control/bundle.hpp"
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

std::string describe_versions() {
  utsname host{};
  const bool is_known = ::uname(&host) == 0;
  return fmt::format("wg-updater {}\n{}\n", base::version,
                     is_known ? fmt::format("{} {} {}", host.sysname, host.release, host.machine)
                              : std::string("unknown system"));
}

/// What a daemon says, or why it says nothing.
std::string tell(const std::string& socket, const ControlRequest& request) {
  std::string text;
  const auto result =
      control::ask(daemon_at(socket), write_control_request(request), [&](std::string_view piece) {
        text += piece;
        return true;
      });
  if (!result) return result.error() + "\n";
  return result->error.empty() ? text : text + result->error + "\n";
}

/// The bundle's files, nothing left out yet.
std::vector<BundleFile> gather(const std::string& socket, const std::string& findings) {
  using Command = ControlRequest::Command;
  const std::string status = tell(socket, {Command::status, true, ""});
  std::vector<BundleFile> files = {{"versions.txt", describe_versions()},
                                   {"doctor.txt", findings},
                                   {"config.yaml", tell(socket, {Command::config, false, ""})},
                                   {"status.txt", tell(socket, {Command::status, false, ""})},
                                   {"status.json", status}};
  const auto json = nlohmann::json::parse(status, nullptr, /*allow_exceptions=*/false);
  const auto peers =
      json.is_object() ? json.value("peers", nlohmann::json::array()) : nlohmann::json::array();
  for (const auto& peer : peers) {
    const auto key =
        peer.is_object() ? peer.value("public_key", nlohmann::json()) : nlohmann::json();
    if (!key.is_string()) continue;
    const auto name = peer.value("name", nlohmann::json());
    files.push_back({fmt::format("why/{:03}{}.txt", files.size() - 4,
                                 name.is_string() ? "-" + name.get<std::string>() : ""),
                     tell(socket, {Command::why, false, key.get<std::string>()})});
  }
  return files;
}

std::string pack(std::vector<BundleFile> files, bool masks_addresses) {
  Scrubber scrubber(masks_addresses);
  for (BundleFile& file : files) file.text = scrubber.scrub(file.text);
  return write_tar(files, base::read_clock().wall);
}

}  // namespace

int run_doctor(const std::string& interface, const std::string& socket,
               const std::optional<DaemonFacts>& facts, bool json,
               const std::optional<BundleChoice>& bundle, std::FILE* out) {
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
  if (bundle) {
    const auto files = gather(socket, control::diagnoses_text(diagnoses));
    const auto written =
        base::make_file(bundle->file, pack(files, bundle->masks_addresses), base::FileUse::state);
    if (!written)
      return fail(fmt::format("{} cannot be made: {}", bundle->file, written.error().message()));
  }
  return control::exit_code(diagnoses);
}

}  // namespace updater
