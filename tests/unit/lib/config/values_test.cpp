#include "config/values.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace {

struct Inner {
  std::size_t count = 0;
  std::chrono::seconds patience{};
};
struct Config {
  Inner inner;
  bool is_on = false;
  std::string level = "info";
  std::optional<std::string> file;
  std::vector<std::string> names;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("numbers and durations are reached through the members that hold them") {
  Config config;
  config::set_number<&Config::inner, &Inner::count>(config, 7);
  config::set_number<&Config::inner, &Inner::patience>(config, 90);
  CHECK(config.inner.count == 7);
  CHECK(config.inner.patience == std::chrono::seconds(90));
  CHECK(config::get_number<&Config::inner, &Inner::count>(config) == Texts{"7"});
  CHECK(config::get_number<&Config::inner, &Inner::patience>(config) == Texts{"90"});
}

TEST_CASE("a value that is refused changes nothing") {
  Config config;
  CHECK(config::set_toggle<&Config::is_on>(config, "yes"));
  CHECK_FALSE(config::set_toggle<&Config::is_on>(config, "0"));
  CHECK(config::get_toggle<&Config::is_on>(config) == Texts{"true"});

  CHECK(config::set_text<config::is_log_level, &Config::level>(config, "warning"));
  CHECK_FALSE(config::set_text<config::is_log_level, &Config::level>(config, "loud"));
  CHECK(config::get_text<&Config::level>(config) == Texts{"warning"});

  CHECK(config::add_text<config::is_not_empty, &Config::names>(config, "a"));
  CHECK_FALSE(config::add_text<config::is_not_empty, &Config::names>(config, "a"));
  CHECK_FALSE(config::add_text<config::is_not_empty, &Config::names>(config, ""));
  CHECK(config::get_texts<&Config::names>(config) == Texts{"a"});
  config::clear<&Config::names>(config);
  CHECK(config.names.empty());
}

TEST_CASE("a range has a length, and is not everything") {
  CHECK(config::parse_range("10.0.0.0/24")->to_string() == "10.0.0.0/24");
  CHECK(config::parse_range("fd00::/64"));
  for (const char* text : {"", "10.0.0.0", "fd00::", "0.0.0.0/0", "::/0", "10.0.0.0/33", "x/24"}) {
    CAPTURE(text);
    CHECK_FALSE(config::parse_range(text));
    CHECK_FALSE(config::range_fault(text).empty());
  }
  CHECK(config::range_fault("10.0.0.0/24").empty());
}

TEST_CASE("an empty text takes an optional one back") {
  Config config;
  CHECK(config::set_optional_text<&Config::file>(config, "/f"));
  CHECK(config::get_optional_text<&Config::file>(config) == Texts{"/f"});
  CHECK(config::set_optional_text<&Config::file>(config, ""));
  CHECK_FALSE(config.file);
  CHECK(config::get_optional_text<&Config::file>(config) == Texts{""});
}

TEST_CASE("names of interfaces and sockets are what the kernel takes") {
  for (const char* name : {"wg0", "a", "fifteen-letters", "wg.1", "@"}) {
    CAPTURE(name);
    CHECK(config::is_interface_name(name));
  }
  for (const char* name : {"", ".", "..", "sixteen--letters", "a/b", "a b", "a\n", "\x7f"}) {
    CAPTURE(name);
    CHECK_FALSE(config::is_interface_name(name));
  }
  CHECK_FALSE(config::is_socket_path(""));
  CHECK(config::is_socket_path(std::string(107, 'x')));
  CHECK_FALSE(config::is_socket_path(std::string(108, 'x')));
}
