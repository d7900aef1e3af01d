#include "config/parse_words.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace config {
namespace {

constexpr int exit_ok = 0;
constexpr int exit_usage = 2;
/// Where CLI11 begins the descriptions of options and commands.
constexpr std::size_t description_column = 30;

/// Edits that lead from one word to the other: the optimal string alignment distance.
std::size_t count_slips(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> slips(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        slips[i][j] = i + j;
        continue;
      }
      const bool is_same = a[i - 1] == b[j - 1];
      slips[i][j] = std::min(
          {slips[i - 1][j] + 1, slips[i][j - 1] + 1, slips[i - 1][j - 1] + (is_same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        slips[i][j] = std::min(slips[i][j], slips[i - 2][j - 2] + 1);
    }
  }
  return slips.back().back();
}

/// The commands that were typed, one below the other, the application first.
std::vector<const CLI::App*> find_chain(const CLI::App& app) {
  std::vector<const CLI::App*> chain = {&app};
  while (true) {
    const auto below = chain.back()->get_subcommands();
    if (below.empty()) return chain;
    chain.push_back(below.front());
  }
}

/// `; did you mean X?` for the first unknown word that is like a known one; else empty.
std::string suggest(const CLI::App& app) {
  std::vector<std::string> options;
  std::vector<std::string> commands;
  std::vector<std::string> unknown;
  for (const CLI::App* one : find_chain(app)) {
    for (const CLI::Option* option : one->get_options()) {
      for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
    }
    for (const CLI::App* command : one->get_subcommands({}))
      commands.push_back(command->get_name());
    const auto rest = one->remaining();
    unknown.insert(unknown.end(), rest.begin(), rest.end());
  }
  for (const std::string& word : unknown) {
    const std::string name = word.substr(0, word.find('='));
    const std::string found = find_similar(name, name.starts_with('-') ? options : commands);
    if (!found.empty()) return fmt::format("; did you mean {}?", found);
  }
  return {};
}

/// \param indent of what does not fit into the first line
void append_wrapped(std::string& out, std::string_view line, std::size_t indent,
                    std::size_t columns) {
  std::size_t room = columns;
  std::size_t least = indent;  // no cut before it
  while (line.size() > room) {
    std::size_t cut = line.rfind(' ', room);
    if (cut == std::string_view::npos || cut <= least) cut = line.find(' ', room);
    if (cut == std::string_view::npos) break;
    out += line.substr(0, cut);
    out += '\n';
    out.append(indent, ' ');
    line.remove_prefix(cut + 1);
    room = columns - indent;
    least = 0;
  }
  out += line;
  out += '\n';
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// What CLI11 says of a mistake, in this program's form.
std::string describe(const CLI::App& app, const CLI::ParseError& error) {
  std::string chain;
  for (const CLI::App* one : find_chain(app)) chain += (chain.empty() ? "" : " ") + one->get_name();
  return fmt::format("{}: {}{}\n`{} --help` lists what there is\n", app.get_name(),
                     first_line(error.what()), suggest(app), chain);
}

}  // namespace

std::optional<int> parse_words(CLI::App& app, std::vector<std::string> words,
                               const std::string& version, std::FILE* out, std::FILE* errors) {
  app.set_version_flag("-V,--version", app.get_name() + " " + version,
                       "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    app.parse(words);
  } catch (const CLI::CallForVersion& call) {
    fmt::print(out, "{}\n", call.what());
    return exit_ok;
  } catch (const CLI::CallForHelp&) {
    fmt::print(out, "{}", wrap_help(app.help()));
    return exit_ok;
  } catch (const CLI::ParseError& error) {
    fmt::print(errors, "{}", describe(app, error));
    return exit_usage;
  }
  return std::nullopt;
}

std::string find_similar(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t shortest_beginning = 3;
  const std::size_t letters = word.size() - std::min(word.size(), word.find_first_not_of('-'));
  std::size_t most = letters > 4 ? 2 : 1;
  std::string found;
  for (const std::string& candidate : candidates) {
    if (letters >= shortest_beginning && candidate.starts_with(word)) return candidate;
    const std::size_t slips = count_slips(word, candidate);
    if (slips > most || letters <= slips) continue;
    if (found.empty() || slips < most) found = candidate;
    most = slips;
  }
  return found;
}

std::string wrap_help(std::string_view text, std::size_t columns) {
  std::string wrapped;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t blank = std::min(line.find_first_not_of(' '), line.size());
    const bool has_description =
        blank == 2 && line.size() > description_column && line[description_column - 1] == ' ';
    append_wrapped(wrapped, line, has_description ? description_column : blank, columns);
  }
  return wrapped;
}

}  // namespace config
