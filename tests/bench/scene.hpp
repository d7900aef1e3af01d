#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"
#include "wg/public_key.hpp"

/// The peers and the questions of every benchmark. Peers follow from their number, and there are
/// two mixes of questions. The same numbers give the same peers in every program.
namespace bench {

/// Pseudo-random numbers that follow from the seed (splitmix64).
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  [[nodiscard]] std::uint64_t operator()();
  /// 0 … limit-1.
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) {
    return static_cast<std::uint64_t>((static_cast<Wide>((*this)()) * limit) >> 64U);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  std::uint64_t state_;
};

[[nodiscard]] dns::Name zone();
/// \param number from 0; numbers beyond the registered peers give keys that no peer has.
[[nodiscard]] wg::PublicKey key(std::uint64_t number);
/// The lowest 24 bits of the number are in the address, and the port follows from it.
[[nodiscard]] base::Endpoint endpoint(std::uint64_t number);
[[nodiscard]] base::Endpoint endpoint_ipv6(std::uint64_t number);
[[nodiscard]] base::Prefix allowed_ip(std::uint64_t number);

enum class Mix : std::uint8_t {
  /// `_wireguard._udp.K` SRV with EDNS.
  srv,
  /// 40 % `_wireguard._udp.K` SRV, 30 % `K._wireguard._udp` SRV, 10 % each of A at `K`, TXT, and a
  /// key that no peer has; half with EDNS and a COOKIE, half of these with the server's; random
  /// case.
  judged,
};
[[nodiscard]] std::optional<Mix> parse_mix(std::string_view text);

/// The properties of a right answer to a question.
struct Expected {
  dns::Rcode rcode{};
  std::uint16_t answers = 0;
};

/// Makes questions about uniformly drawn peers.
class Questions {
 public:
  Questions(Mix mix, std::uint64_t peers, std::uint64_t seed)
      : mix_(mix), peers_(peers), draw_(seed) {}

  /// Sets the cookie: 8 octets of the client, 16 of the server. Before this call only the client's
  /// part is sent.
  void set_cookie(base::Bytes whole) { cookie_.assign(whole.begin(), whole.end()); }
  [[nodiscard]] base::Bytes client_cookie() const { return base::Bytes(cookie_).first(8); }

  static constexpr std::size_t room = 256;
  /// Writes one message. \param out at least `room` octets. \return its length.
  [[nodiscard]] std::size_t write(std::uint16_t id, base::MutableBytes out, Expected& expected);

 private:
  const Mix mix_;
  const std::uint64_t peers_;
  Draw draw_;
  std::vector<std::uint8_t> cookie_{1, 2, 3, 4, 5, 6, 7, 8};
};

}  // namespace bench
