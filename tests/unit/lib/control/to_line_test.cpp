#include "control/to_line.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

TEST_CASE("JSON is written on one line, with its newline") {
  const nlohmann::json sorted{{"b", 1}, {"a", {"x", nullptr}}};
  CHECK(control::to_line(sorted) == "{\"a\":[\"x\",null],\"b\":1}\n");
  nlohmann::ordered_json ordered;
  ordered["b"] = "two\nlines";
  ordered["a"] = "ü";
  CHECK(control::to_line(ordered) == "{\"b\":\"two\\nlines\",\"a\":\"ü\"}\n");
}

TEST_CASE("octets that are not UTF-8 are replaced") {
  CHECK(control::to_line(nlohmann::json{{"text", "a\xff"}}) == "{\"text\":\"a\xef\xbf\xbd\"}\n");
}
