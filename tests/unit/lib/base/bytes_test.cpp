#include "base/bytes.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace {

TEST_CASE("a reader takes numbers in network order and ends exactly at the end") {
  const std::array<std::uint8_t, 9> octets = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  base::ByteReader reader(octets);
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x04050607);
  CHECK(reader.remaining() == 2);
  CHECK(reader.offset() == 7);
  const base::Bytes rest = reader.bytes(2);
  CHECK(rest.size() == 2);
  CHECK(rest[1] == 9);
  CHECK(reader.bytes(0).empty());
  CHECK(reader.ok());
  CHECK(reader.remaining() == 0);
}

TEST_CASE("a read past the end fails, and every one after it") {
  const std::array<std::uint8_t, 4> octets = {0xff, 0xff, 0xff, 0xff};
  for (std::size_t size = 0; size < octets.size(); ++size) {
    CAPTURE(size);
    base::ByteReader reader(base::Bytes(octets).first(size));
    (void)reader.u32();
    CHECK_FALSE(reader.ok());
    CHECK(reader.remaining() == 0);
    CHECK(reader.offset() == size);
    CHECK(reader.u8() == 0);
    CHECK(reader.u16() == 0);
    CHECK(reader.u32() == 0);
    CHECK(reader.bytes(0).empty());
    CHECK(reader.bytes(1).empty());
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("a failed read gives zero, not half a number") {
  const std::array<std::uint8_t, 3> octets = {0xff, 0xff, 0xff};
  base::ByteReader reader(octets);
  CHECK(reader.u32() == 0);
}

TEST_CASE("sizes that would overflow are past the end") {
  const std::array<std::uint8_t, 4> octets{};
  base::ByteReader reader(octets);
  reader.skip(2);
  CHECK(reader.bytes(SIZE_MAX).empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a writer writes what fits, and nothing after the first thing that does not") {
  std::array<std::uint8_t, 7> buffer{};
  base::ByteWriter writer(buffer);
  writer.u8(1);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  CHECK(writer.ok());
  CHECK(writer.room() == 0);
  CHECK(writer.size() == 7);
  CHECK(buffer == std::array<std::uint8_t, 7>{1, 2, 3, 4, 5, 6, 7});
  writer.u8(8);
  CHECK_FALSE(writer.ok());
  CHECK(writer.size() == 7);
}

TEST_CASE("a number that does not fit is not written in part") {
  for (std::size_t size = 0; size < 4; ++size) {
    CAPTURE(size);
    std::vector<std::uint8_t> buffer(size, 0xaa);
    base::ByteWriter writer(buffer);
    writer.u32(0x01020304);
    CHECK_FALSE(writer.ok());
    CHECK(writer.size() == 0);
    CHECK(buffer == std::vector<std::uint8_t>(size, 0xaa));
  }
}

TEST_CASE("rewinding takes the overflow back, and never goes forward") {
  std::array<std::uint8_t, 4> buffer{};
  base::ByteWriter writer(buffer);
  writer.u16(1);
  writer.bytes(std::array<std::uint8_t, 3>{7, 8, 9});
  CHECK_FALSE(writer.ok());
  writer.rewind(3);
  CHECK_FALSE(writer.ok());
  writer.rewind(2);
  CHECK(writer.ok());
  writer.u16(0x0506);
  CHECK(writer.written().size() == 4);
  CHECK(buffer == std::array<std::uint8_t, 4>{0, 1, 5, 6});
}

TEST_CASE("patching stays inside of what is written") {
  std::array<std::uint8_t, 4> buffer{};
  base::ByteWriter writer(buffer);
  writer.patch_u16(0, 0xffff);
  CHECK(buffer[0] == 0);
  writer.u16(0);
  writer.u8(0);
  writer.patch_u16(1, 0x1234);
  writer.patch_u16(2, 0xffff);
  writer.patch_u16(SIZE_MAX, 0xffff);
  CHECK(buffer == std::array<std::uint8_t, 4>{0, 0x12, 0x34, 0});
}

}  // namespace
