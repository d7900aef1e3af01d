#include "control/form.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "control/to_line.hpp"

namespace control {

std::string write_form(const nlohmann::ordered_json& members) {
  nlohmann::ordered_json form{{"version", form_version}, {"program_version", base::version}};
  form.update(members);
  return to_line(form);
}

nlohmann::ordered_json text_or_null(std::string_view text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

std::string to_member_name(std::string_view words) {
  std::string name(words);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ' ' || c == '-'; }, '_');
  return name;
}

}  // namespace control
