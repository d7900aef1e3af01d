#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What a `doctor` command found, and how it is printed for people, programs and monitoring.
namespace control {

struct Diagnosis {
  enum class Level : std::uint8_t {
    ok,
    note,     ///< may well be as it should be
    warning,  ///< works for some, or not as well as it could
    problem,  ///< does not work
  };
  Level level{};
  std::string check;   ///< one word: delegation
  std::string text;    ///< one line: what was seen
  std::string remedy;  ///< one line: what to do; empty when the level is ok
};

/// 0: nothing worse than a note; 1: a warning; 2: a problem.
[[nodiscard]] int exit_code(const std::vector<Diagnosis>& diagnoses);
/// One line for each diagnosis, with its remedy below.
[[nodiscard]] std::string diagnoses_text(const std::vector<Diagnosis>& diagnoses);
/// A form (control/form.hpp): `state` (the worst level), `members` (null where empty), `findings`.
[[nodiscard]] std::string diagnoses_json(
    const std::vector<Diagnosis>& diagnoses,
    const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace control
