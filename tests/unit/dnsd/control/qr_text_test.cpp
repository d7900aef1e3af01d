#include "dnsd/control/qr_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

// What a decoder reads in it: tests/wire/test_new_peers.py.

TEST_CASE("a code of the smallest version, two modules to a character, with its quiet zone") {
  const auto code = dnsd::draw_qr("wg");
  REQUIRE(code);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < code->size();) {
    const std::size_t end = code->find('\n', begin);
    REQUIRE(end != std::string::npos);
    lines.push_back(code->substr(begin, end - begin));
    begin = end + 1;
  }
  constexpr std::size_t modules = 21 + 2 * 4;
  REQUIRE(lines.size() == (modules + 1) / 2);
  const std::string light = "\x1b[30;107m" + std::string(modules, ' ') + "\x1b[0m";
  CHECK(lines[0] == light);
  CHECK(lines[1] == light);
  // The upper edges of the finder patterns: 7 dark modules at both ends.
  const std::string edge = "█▀▀▀▀▀█";
  CHECK(lines[2].find(std::string("\x1b[30;107m    ") + edge) == 0);
  CHECK(lines[2].find(edge + "    \x1b[0m") != std::string::npos);
}

TEST_CASE("what the largest code does not hold is told") {
  CHECK(dnsd::draw_qr(std::string(dnsd::max_qr_octets, 'a')));
  CHECK_FALSE(dnsd::draw_qr(std::string(dnsd::max_qr_octets + 1, 'a')));
}
