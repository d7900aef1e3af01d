#include "control/diagnosis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/form.hpp"

namespace control {
namespace {

std::string_view to_string(Diagnosis::Level level) {
  switch (level) {
    case Diagnosis::Level::ok:
      return "ok";
    case Diagnosis::Level::note:
      return "note";
    case Diagnosis::Level::warning:
      return "warning";
    case Diagnosis::Level::problem:
      break;
  }
  return "problem";
}

}  // namespace

int exit_code(const std::vector<Diagnosis>& diagnoses) {
  int code = 0;
  for (const Diagnosis& one : diagnoses) {
    if (one.level == Diagnosis::Level::warning) code = std::max(code, 1);
    if (one.level == Diagnosis::Level::problem) code = 2;
  }
  return code;
}

std::string diagnoses_text(const std::vector<Diagnosis>& diagnoses) {
  std::string text;
  for (const Diagnosis& one : diagnoses) {
    text += fmt::format("{:<8} {:<11} {}\n", to_string(one.level), one.check, one.text);
    if (!one.remedy.empty()) text += fmt::format("{:<20} remedy: {}\n", "", one.remedy);
  }
  return text;
}

std::string diagnoses_json(const std::vector<Diagnosis>& diagnoses,
                           const std::vector<std::pair<std::string, std::string>>& members) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const Diagnosis& one : diagnoses) {
    list.push_back({{"level", to_string(one.level)},
                    {"check", one.check},
                    {"text", one.text},
                    {"remedy", text_or_null(one.remedy)}});
  }
  const auto worst =
      std::max_element(diagnoses.begin(), diagnoses.end(),
                       [](const Diagnosis& a, const Diagnosis& b) { return a.level < b.level; });
  Json json{{"state", worst == diagnoses.end() ? "ok" : to_string(worst->level)}};
  for (const auto& [name, value] : members) json[name] = text_or_null(value);
  json["findings"] = std::move(list);
  return write_form(json);
}

}  // namespace control
