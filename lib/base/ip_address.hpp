#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace base {

enum class Family : std::uint8_t { ipv4, ipv6 };

/// Who may be shown an address as a peer's endpoint (doc/protocol.md §2.5).
enum class AddressScope : std::uint8_t {
  global,       ///< anybody
  private_use,  ///< RFC 1918, 100.64/10 (RFC 6598), ULA (RFC 4193): private listeners only
  never,        ///< unspecified, 0/8, loopback, link-local, multicast, 240/4: nobody
};

/// An IPv4 or IPv6 address, without a zone index. A plain value; the default is 0.0.0.0.
class IpAddress {
 public:
  IpAddress() = default;
  explicit IpAddress(const std::array<std::uint8_t, 4>& octets);
  explicit IpAddress(const std::array<std::uint8_t, 16>& octets)
      : octets_(octets), family_(Family::ipv6) {}
  /// \param octets 4 or 16 of them, otherwise nullopt.
  [[nodiscard]] static std::optional<IpAddress> from_bytes(Bytes octets);
  /// Dotted quad (four decimal numbers) or RFC 4291 text. No brackets, no zone index, no
  /// surrounding space.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool is_ipv4() const { return family_ == Family::ipv4; }
  /// 4 or 16 octets, borrowed from this object.
  [[nodiscard]] Bytes bytes() const { return Bytes(octets_).first(is_ipv4() ? 4 : 16); }
  /// 16 octets, borrowed from this object: of IPv4 the first four, the rest zero.
  [[nodiscard]] const std::array<std::uint8_t, 16>& padded() const { return octets_; }
  /// Dotted quad or RFC 5952.
  [[nodiscard]] std::string to_string() const;
  /// ::ffff:a.b.c.d as a.b.c.d, everything else as it is.
  [[nodiscard]] IpAddress unmapped() const;
  [[nodiscard]] AddressScope scope() const;
  [[nodiscard]] bool is_unspecified() const;
  /// 127.0.0.0/8 or ::1; not as IPv4-mapped.
  [[nodiscard]] bool is_loopback() const;
  /// 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 §2.5.6); not as IPv4-mapped.
  [[nodiscard]] bool is_link_local() const;

  /// IPv4 before IPv6, then by octets.
  friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    if (a.family_ != b.family_) return a.family_ <=> b.family_;
    return a.octets_ <=> b.octets_;
  }
  /// By words: the default calls memcmp, and this stands on the way of every datagram.
  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.family_ == b.family_ && a.word(0) == b.word(0) && a.word(1) == b.word(1);
  }

 private:
  [[nodiscard]] std::uint64_t word(std::size_t index) const {
    std::uint64_t result = 0;
    std::memcpy(&result, octets_.data() + index * sizeof result, sizeof result);
    return result;
  }

  std::array<std::uint8_t, 16> octets_{};  // IPv4: the first four, the rest zero
  Family family_ = Family::ipv4;
};

/// A block of addresses as in WireGuard's AllowedIPs. Host bits are always zero.
class Prefix {
 public:
  /// \param length 0–32 or 0–128 by family; otherwise nullopt. Host bits are cleared, as WireGuard
  /// does.
  [[nodiscard]] static std::optional<Prefix> make(const IpAddress& address, unsigned length);
  /// `ADDRESS/LENGTH`, or `ADDRESS` for a single one.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);

  [[nodiscard]] const IpAddress& address() const { return address_; }
  [[nodiscard]] unsigned length() const { return length_; }
  [[nodiscard]] bool is_host() const { return length_ == (address_.is_ipv4() ? 32U : 128U); }
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
  friend bool operator==(const Prefix&, const Prefix&) = default;

 private:
  Prefix(const IpAddress& address, unsigned length)
      : address_(address), length_(static_cast<std::uint8_t>(length)) {}
  IpAddress address_;
  std::uint8_t length_ = 0;
};

}  // namespace base
