#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

/// The JSON that commands of both programs print: doc/json.md.
namespace control {

/// Changes when a member is renamed, goes, or changes its meaning.
inline constexpr int form_version = 1;

/// One object on one line: `version` (of the forms), `program_version`, and the members.
[[nodiscard]] std::string write_form(const nlohmann::ordered_json& members);
/// The value of a member whose empty text means that there is nothing to say: null then.
[[nodiscard]] nlohmann::ordered_json text_or_null(std::string_view text);
/// `wrong mac1`, as people read it: wrong_mac1.
[[nodiscard]] std::string to_member_name(std::string_view words);

}  // namespace control
