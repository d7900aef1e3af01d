#include "noise/session.hpp"

#include <algorithm>
#include <cassert>

#include "noise/message.hpp"

namespace noise {

void Session::seal(base::Bytes inner, base::MutableBytes out) {
  const std::size_t padded = padded_size(inner.size());
  assert(out.size() == data_header_octets + padded + tag_octets);
  const std::uint64_t counter = sent_++;
  write_data_header(peer_index_, counter, out.first(data_header_octets));
  const base::MutableBytes body = out.subspan(data_header_octets);
  std::copy(inner.begin(), inner.end(), body.begin());
  std::fill(body.begin() + static_cast<std::ptrdiff_t>(inner.size()),
            body.begin() + static_cast<std::ptrdiff_t>(padded), std::uint8_t{0});
  noise::seal(keys_.send, counter, body.first(padded), {}, body);
}

std::optional<Session::Opened> Session::open(const TransportData& data, base::SteadyTime now,
                                             base::MutableBytes out) {
  if (now - born_ >= reject_after || data.counter >= reject_after_messages ||
      !received_.is_new(data.counter))
    return std::nullopt;
  if (!noise::open(keys_.receive, data.counter, data.sealed, {}, out)) return std::nullopt;
  return Opened{out.size(), received_.take(data.counter)};
}

}  // namespace noise
