#include "dnsd/serve/descriptors.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <vector>

#include "base/file_descriptor.hpp"

TEST_CASE("TCP clients get what is left, in equal parts, and each thread at least one") {
  const struct {
    const char* name;
    std::size_t limit, others, threads, expected;
  } rows[] = {
      {"plenty", 65536, 40, 2, 32732},     {"1024", 1024, 40, 2, 476},
      {"one thread", 128, 30, 1, 66},      {"shared unevenly", 128, 29, 2, 33},
      {"not one each", 64, 30, 4, 1},      {"nothing", 64, 32, 2, 1},
      {"less than is open", 16, 40, 2, 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(dnsd::connections_per_thread(row.limit, row.others, row.threads) == row.expected);
  }
}

TEST_CASE("open descriptors are counted, wherever they are") {
  const std::size_t limit = dnsd::raise_descriptor_limit();
  CHECK(limit > 100);
  const std::size_t before = dnsd::count_open_descriptors(limit);
  std::vector<base::FileDescriptor> more;
  for (int i = 0; i < 10; ++i) more.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(dnsd::count_open_descriptors(limit) == before + 10);
  more.erase(more.begin() + 3);
  CHECK(dnsd::count_open_descriptors(limit) == before + 9);
}
