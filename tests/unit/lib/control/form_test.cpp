#include "control/form.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/version.hpp"

TEST_CASE("a form begins with its version and that of the program") {
  const nlohmann::ordered_json members{{"zone", "wg.example.org."}, {"peers", 2}};
  CHECK(control::write_form(members) == "{\"version\":1,\"program_version\":\"" +
                                            std::string(base::version) +
                                            "\",\"zone\":\"wg.example.org.\",\"peers\":2}\n");
}

TEST_CASE("what people read as words is one word in a form") {
  CHECK(control::to_member_name("wrong mac1") == "wrong_mac1");
  CHECK(control::to_member_name("relay-rate") == "relay_rate");
  CHECK(control::text_or_null("").is_null());
  CHECK(control::text_or_null("a") == "a");
}
