#include "dnsd/settings/free_names.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("a free name stays, one that is taken gets the lowest free number") {
  dnsd::FreeNames names;
  names.take("bob-2");
  CHECK(names.take_free("bob") == "bob");
  CHECK(names.take_free("BOB") == "BOB-3");
  CHECK(names.take_free("bob") == "bob-4");
  CHECK(names.take_free("bob-2") == "bob-2-2");
  CHECK(names.is_taken("Bob-4"));
  CHECK_FALSE(names.is_taken("bob-5"));
}

TEST_CASE("a name with a number is no longer than a label") {
  dnsd::FreeNames names;
  const std::string longest(63, 'a');
  CHECK(names.take_free(longest) == longest);
  CHECK(names.take_free(longest) == std::string(61, 'a') + "-2");
  for (int i = 3; i < 10; ++i) (void)names.take_free(longest);
  CHECK(names.take_free(longest) == std::string(60, 'a') + "-10");
}
