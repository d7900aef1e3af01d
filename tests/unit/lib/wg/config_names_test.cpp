#include "wg/config_names.hpp"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "wg/config_file.hpp"

namespace {

using Kind = wg::NameComment::Kind;

const std::string folder = SOURCE_DIR "/tests/forms/generators/";

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.is_open());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("files of generators, exporters and people name their peers") {
  std::istringstream table(read(folder + "names.txt"));
  std::size_t files = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string path;
    std::size_t warnings = 0;
    words >> path >> warnings;
    const std::vector<std::string> names{std::istream_iterator<std::string>(words), {}};
    CAPTURE(path);
    const wg::ConfigFile file = wg::parse_config_file(read(folder + path));
    CHECK(file.errors.empty());
    for (const wg::ConfigError& warning : file.warnings) INFO(warning.message);
    CHECK(file.warnings.size() == warnings);
    std::vector<std::string> found;
    for (const wg::ConfigPeer& peer : file.peers)
      found.push_back(peer.name.empty() ? "-" : peer.name);
    CHECK(found == names);
    ++files;
  }
  std::size_t there = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".conf") ++there;
  CHECK(files == there);
  CHECK(files >= 40);
}

TEST_CASE("what one comment says") {
  struct Case {
    std::string_view comment;
    Kind kind;
    std::string_view text;  // empty: it names nobody
  };
  for (const Case& c : std::to_array<Case>({
           {" Name = alice", Kind::name, "alice"},
           {"name=alice", Kind::name, "alice"},
           {"Name# = bob", Kind::name, "bob"},
           {" Name: carol", Kind::name, "carol"},
           {"Name :", Kind::name, ""},
           {"Name", Kind::lone, "Name"},
           {" friendly_name = a b ", Kind::name, "a b"},
           {"## begin alice ###", Kind::marker, "alice"},
           {" begin of the list", Kind::lone, ""},
           {"## Client my phone", Kind::marker, "my phone"},
           {" Client my phone", Kind::lone, ""},
           {" Client: dave (0b1c)", Kind::marker, "dave"},
           {" Client: (0b1c)", Kind::marker, "(0b1c)"},
           {" Client:", Kind::lone, ""},
           {" Nickname = x", Kind::lone, ""},
           {" 10: a > b", Kind::marker, "a"},
           {" : a > b", Kind::lone, ""},
           {" x: a > b", Kind::lone, ""},
           {" / Updated: now", Kind::lone, ""},
           {" alice", Kind::lone, "alice"},
           {" Peers", Kind::lone, ""},
           {" 10.0.0.2", Kind::lone, ""},
           {" a:b", Kind::lone, ""},
           {"", Kind::lone, ""},
           {"#####", Kind::lone, ""},
           {"## end alice ###", Kind::lone, ""},
           {" -WGP- ", Kind::lone, ""},
       })) {
    CAPTURE(c.comment);
    const auto found = wg::read_name_comment(c.comment);
    CHECK(found.has_value() == !c.text.empty());
    if (!found) continue;
    CHECK(found->kind == c.kind);
    CHECK(found->text == c.text);
  }
  CHECK(wg::is_end_comment("## end alice ###"));
  CHECK(wg::is_end_comment(" END_PEER alice"));
  CHECK(wg::is_end_comment(" alice end"));
  CHECK_FALSE(wg::is_end_comment(" end"));
  CHECK_FALSE(wg::is_end_comment(" alice ends"));
}

TEST_CASE("a name is one label, whatever it was") {
  for (const auto& [text, name] : std::to_array<std::pair<std::string, std::string>>({
           {"alice", "alice"},
           {"Alice-2", "Alice-2"},
           {"alice.home.example.org", "alice"},
           {"alice.", "alice"},
           {"a_b.example.org", "a-b"},
           {".alice", "alice"},
           {"10.0.0.2", "10-0-0-2"},
           {"alice@example.org", "alice-example-org"},
           {"  John's  phone!", "John-s-phone"},
           {"--a--b--", "a-b"},
           {"", ""},
           {"---", ""},
           {"\xe6\x89\x8b", ""},
           {std::string(70, 'b'), std::string(63, 'b')},
           {std::string(62, 'b') + "--c", std::string(62, 'b')},
           {std::string(52, 'a'), ""},
           {std::string(52, 'Z'), ""},
           {std::string(56, '7'), ""},
           {std::string(52, '1'), std::string(52, '1')},
       })) {
    CAPTURE(text);
    CHECK(wg::make_name(text) == name);
  }
}
