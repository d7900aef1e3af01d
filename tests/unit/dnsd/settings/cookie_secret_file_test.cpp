#include "dnsd/settings/cookie_secret_file.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("the secret file") {
  const std::string one = "e5e973e5a6b2a43f48e7dc849e37bfcf";
  const std::string two = "000102030405060708090A0b0c0d0e0f";
  struct Row {
    std::string text;
    bool valid;
    bool has_previous;
    std::string says;
  };
  for (const Row& row :
       {Row{one, true, false, ""}, Row{one + "\n" + two + "\n", true, true, ""},
        Row{"# ours\n\n" + one + " \r\n", true, false, ""}, Row{"", false, false, "no secret"},
        Row{"# nothing\n", false, false, "no secret"}, Row{one.substr(1), false, false, "line 1"},
        Row{one + "0", false, false, "line 1"},
        Row{one + "\n" + one.substr(2) + "zz", false, false, "line 2"},
        Row{one + "\n" + two + "\n" + one, false, false, "line 3"}}) {
    CAPTURE(row.text);
    const auto secrets = dnsd::parse_cookie_secrets(row.text);
    REQUIRE(secrets.has_value() == row.valid);
    if (secrets) {
      CHECK(secrets->current == dnsd::CookieSecret{0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f,
                                                   0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf, 0xcf});
      CHECK(secrets->previous.has_value() == row.has_previous);
    } else {
      CHECK(secrets.error().find(row.says) != std::string::npos);
      CHECK(secrets.error().find(one.substr(4)) == std::string::npos);
    }
  }
}

TEST_CASE("a secret file that the configuration names is read, and told by name when it is wrong") {
  dnsd::Config config;
  CHECK_FALSE(dnsd::load_cookie_secrets(config).has_value());
  config.cookie_secret_file = "/nonexistent/secret";
  CHECK_THROWS_WITH_AS(
      (void)dnsd::load_cookie_secrets(config),
      "cookie-secret-file /nonexistent/secret: cannot be read: No such file or directory",
      dnsd::ConfigError);
  config.cookie_secret_file = SOURCE_DIR "/README.md";
  CHECK_THROWS_WITH_AS((void)dnsd::load_cookie_secrets(config),
                       doctest::Contains("README.md: line "), dnsd::ConfigError);
}
