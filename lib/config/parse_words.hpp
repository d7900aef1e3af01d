#pragma once

#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

/// What is common to the command lines of all programs.
namespace config {

/// Columns of a terminal that --help fills at most.
inline constexpr std::size_t help_columns = 80;

/// Parses the words of a command line, without the program's name. `help` and `help COMMAND` are
/// --help, and `-V` is --version. Whatever ends the program is printed: help and version to `out`,
/// a mistake to `errors`, in one line that names the nearest word for one that is unknown.
/// \param version of the program. \return the exit code, 0 or 2; nullopt: the program goes on.
/// Exceptions of callbacks that are no CLI::ParseError pass through.
[[nodiscard]] std::optional<int> parse_words(CLI::App& app, std::vector<std::string> words,
                                             const std::string& version, std::FILE* out = stdout,
                                             std::FILE* errors = stderr);

/// The candidate that was probably meant: it begins with three or more typed letters, or differs by
/// one slip (of a word of five letters or more: two). A slip is a letter too much, too few or
/// wrong, or two that changed places. Empty: none is near.
[[nodiscard]] std::string find_similar(std::string_view word,
                                       std::span<const std::string> candidates);

/// Breaks the lines of a help text that are longer than `columns`. The second part of a line stands
/// below its description, or is indented as the line is.
[[nodiscard]] std::string wrap_help(std::string_view text, std::size_t columns = help_columns);

}  // namespace config
