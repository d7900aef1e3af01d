#include "config/parse_words.hpp"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>

namespace {

using config::find_similar;
using config::parse_words;

/// What a command line prints, and how it ends.
struct Ended {
  std::optional<int> code;
  std::string out;
  std::string errors;
};

std::string take(std::FILE* file) {
  std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  (void)std::fclose(file);
  return text;
}

Ended run(std::vector<std::string> words) {
  CLI::App app("A program with words", "prog");
  app.require_subcommand(0, 1);
  std::string zone;
  app.add_option("--zone", zone, "Its zone. " + std::string(200, 'x') + " and more words");
  CLI::App* peer = app.add_subcommand("peer", "Manage peers");
  peer->require_subcommand(1);
  bool json = false;
  peer->add_subcommand("list", "List them")->add_flag("--json", json, "For programs");
  peer->add_subcommand("remove", "Remove one");
  std::FILE* out = std::tmpfile();
  std::FILE* errors = std::tmpfile();
  Ended ended;
  ended.code = parse_words(app, std::move(words), "1.2.3", out, errors);
  ended.out = take(out);
  ended.errors = take(errors);
  return ended;
}

}  // namespace

TEST_CASE("help and version have a word, a letter and a flag, and end the program well") {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"help"}, {"--help"}, {"-h"}}) {
    const Ended ended = run(words);
    CHECK(ended.code == 0);
    CHECK(ended.out.find("A program with words\n") == 0);
    CHECK(ended.errors.empty());
  }
  CHECK(run({"help", "peer", "list"}).out == run({"peer", "list", "--help"}).out);
  CHECK(run({"help", "peer", "list"}).out.find("List them\n") == 0);
  CHECK(run({"-V"}).out == "prog 1.2.3\n");
  CHECK(run({"--version"}).out == "prog 1.2.3\n");
  CHECK_FALSE(run({"--zone", "x"}).code);
  CHECK_FALSE(run({}).code);
}

TEST_CASE("a mistake is one line that says what was probably meant") {
  const struct {
    std::vector<std::string> words;
    std::string meant;  ///< empty: nothing is near
  } rows[] = {
      {{"--zoen", "x"}, "--zone"},
      {{"--zoen=x"}, "--zone"},
      {{"pear"}, "peer"},
      {{"peer", "lsit"}, "list"},
      {{"peer", "rem"}, "remove"},
      {{"peer", "list", "--jsn"}, "--json"},
      {{"peer", "list", "--zne"}, "--zone"},
      {{"elephant"}, ""},
      {{"--elephant"}, ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.words.back());
    const Ended ended = run(row.words);
    CHECK(ended.code == 2);
    CHECK(ended.out.empty());
    CHECK(ended.errors.starts_with("prog: "));
    CHECK((ended.errors.find("did you mean") == std::string::npos) == row.meant.empty());
    if (!row.meant.empty())
      CHECK(ended.errors.find("did you mean " + row.meant + "?\n") != std::string::npos);
  }
  CHECK(run({"peer", "lsit"}).errors.find("`prog peer --help`") != std::string::npos);
}

TEST_CASE("the nearest word is found by its beginning, or over a slip or two") {
  const std::vector<std::string> words = {"status", "why", "ping", "doctor"};
  for (const char* near : {"stat", "statsu", "sttaus", "statuss", "sdatus", "staus", "xtatuss"})
    CHECK(find_similar(near, words) == "status");
  CHECK(find_similar("wyh", words) == "why");
  CHECK(find_similar("pin", words) == "ping");
  for (const char* far : {"", "s", "st", "wg0", "eth0", "stxxxs", "status-of-all"})
    CHECK(find_similar(far, words).empty());
}

TEST_CASE("help fits the terminal: what is left of a line stands below its description") {
  const std::string blank(30, ' ');
  const std::string name = "  --zone NAME" + std::string(17, ' ');
  CHECK(config::wrap_help(name + "one two three\n", 40) == name + "one two\n" + blank + "three\n");
  CHECK(config::wrap_help(blank + "one two three\n", 40) ==
        blank + "one two\n" + blank + "three\n");
  CHECK(config::wrap_help("one two three\n", 8) == "one two\nthree\n");
  CHECK(config::wrap_help("one two three\n", 12) == "one two\nthree\n");
  CHECK(config::wrap_help("one two three\n", 13) == "one two three\n");
  CHECK(config::wrap_help("  one two three four\n", 9) == "  one two\n  three\n  four\n");
  CHECK(config::wrap_help("elephantine\nshort\n", 5) == "elephantine\nshort\n");
  CHECK(config::wrap_help("short", 5) == "short\n");
  CHECK(config::wrap_help("", 5).empty());
}
