// The data of one record of a peer's ways. What is accepted is within its bounds, and stays the
// same when it is written and read again.
#include <array>

#include "schema/path_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = schema::parse_path_text(base::Bytes(data, size));
  if (!path) return 0;
  if (path->rtt && (path->way == schema::Way::none || *path->rtt == 0 ||
                    (*path->rtt & (*path->rtt - 1)) != 0 || *path->rtt > schema::max_path_rtt))
    __builtin_trap();
  std::array<std::uint8_t, schema::max_path_text_octets> text;
  base::ByteWriter writer(text);
  schema::write_path_text(writer, *path);
  if (!writer.ok() || schema::parse_path_text(writer.written()) != path) __builtin_trap();
  return 0;
}
