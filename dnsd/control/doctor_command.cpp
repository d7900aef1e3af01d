#include "dnsd/control/doctor_command.hpp"

#include <fmt/format.h>

#include "base/output.hpp"
#include "dnsd/control/control_request.hpp"
#include "dnsd/report/doctor.hpp"

namespace dnsd {
namespace {

constexpr int exit_problem = 2;

int fail(const std::string& why) {
  fmt::print(stderr, "wg-dnsd: {}\n", why);
  return exit_problem;
}

}  // namespace

int run_doctor(const std::string& socket, const std::optional<std::string>& zone, bool json,
               std::FILE* out) {
  std::optional<DoctorFacts> facts;
  dns::Name name;
  if (zone) {
    const auto parsed = dns::Name::parse(*zone);
    if (!parsed || parsed->view().is_root()) return fail(fmt::format("'{}' is no zone", *zone));
    name = *parsed;
  } else {
    const auto text = control::ask_text(
        daemon_at(socket), write_control_request({.command = ControlRequest::Command::doctor}));
    if (!text) return fail(text.error() + "; doctor --zone NAME judges a zone without its daemon");
    auto parsed = parse_doctor_facts(*text);
    if (!parsed) return fail(parsed.error());
    facts = *std::move(parsed);
    name = facts->zone;
  }
  dns::RealOutside outside(std::nullopt);
  const std::vector<Diagnosis> diagnoses = examine(name, facts, outside);
  const std::string delegation = facts ? facts->delegation : "";
  std::string text = control::diagnoses_text(diagnoses);
  if (!delegation.empty()) text = "For the parent zone:\n\n" + delegation + "\n" + text;
  if (json)
    text = control::diagnoses_json(diagnoses,
                                   {{"zone", name.to_string()}, {"delegation", delegation}});
  if (!base::print_output(out, text)) return fail("the output cannot be written");
  return control::exit_code(diagnoses);
}

}  // namespace dnsd
