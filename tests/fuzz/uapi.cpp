// The answer of a device in user space. The first octet chooses the pieces in which it arrives;
// they must make no difference.
#include "wg/uapi.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(data + 1, data + size);
  const std::size_t step = std::size_t{data[0]} + 1;
  const std::chrono::sys_time<std::chrono::nanoseconds> now{std::chrono::seconds(1'800'000'000)};

  wg::UapiReader at_once(now);
  at_once.feed(text);
  const auto whole = std::move(at_once).finish();

  wg::UapiReader in_pieces(now);
  for (std::size_t at = 0; at < text.size(); at += step)
    if (!in_pieces.feed(std::string_view(text).substr(at, step))) break;
  const auto pieces = std::move(in_pieces).finish();

  if (whole.has_value() != pieces.has_value()) std::abort();
  if (!whole) {
    if (whole.error().line != pieces.error().line) std::abort();
    return 0;
  }
  if (whole->error != pieces->error || whole->device.public_key != pieces->device.public_key ||
      whole->device.peers != pieces->device.peers)
    std::abort();
  return 0;
}
