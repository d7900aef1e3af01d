#include "base/encoding.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace base {
namespace {

constexpr std::string_view base32_alphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view hex_alphabet = "0123456789abcdef";
constexpr std::uint8_t not_a_digit = 0xff;

consteval std::array<std::uint8_t, 256> make_digits(std::string_view alphabet, bool fold_case) {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(not_a_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(alphabet[i]);
    digits[c] = static_cast<std::uint8_t>(i);
    if (fold_case && c >= 'a' && c <= 'z') digits[c & 0xdfU] = static_cast<std::uint8_t>(i);
  }
  return digits;
}

constexpr auto base32_digits = make_digits(base32_alphabet, true);
constexpr auto base64_digits = make_digits(base64_alphabet, false);
constexpr auto hex_digits = make_digits(hex_alphabet, true);

/// `bits` bits a digit, most significant first, in groups of whole octets and whole digits: 5
/// octets are 8 digits of 5 bits. Digits of the last group are filled with zero bits.
template <unsigned bits>
struct Digits {
  static constexpr std::size_t group_octets = bits == 5 ? 5 : bits == 6 ? 3 : 1;
  static constexpr std::size_t group_digits = group_octets * 8 / bits;
  static constexpr std::uint64_t mask = (std::uint64_t{1} << bits) - 1;

  static void write_group(Bytes octets, std::string_view alphabet, char* out) {
    std::uint64_t value = 0;
    for (const std::uint8_t octet : octets) value = (value << 8U) | octet;
    const std::size_t digits = (octets.size() * 8 + bits - 1) / bits;
    value <<= digits * bits - octets.size() * 8;
    for (std::size_t i = digits; i > 0; --i, value >>= bits) out[i - 1] = alphabet[value & mask];
  }

  /// A whole group, with every shift known to the compiler: names are made for every answer.
  template <std::size_t... i>
  static void write_whole_group(Bytes octets, std::string_view alphabet, char* out,
                                std::index_sequence<i...> /*digits*/) {
    std::uint64_t value = 0;
    for (std::size_t j = 0; j < group_octets; ++j) value = (value << 8U) | octets[j];
    ((out[i] = alphabet[(value >> ((group_digits - 1 - i) * bits)) & mask]), ...);
  }

  static void write(Bytes octets, std::string_view alphabet, char* out) {
    for (; octets.size() >= group_octets; octets = octets.subspan(group_octets)) {
      write_whole_group(octets, alphabet, out, std::make_index_sequence<group_digits>());
      out += group_digits;
    }
    if (!octets.empty()) write_group(octets, alphabet, out);
  }

  /// \return false: a character that is no digit, or spare bits that are not zero; another text
  /// would stand for the same octets.
  static bool read_group(std::string_view text, const std::array<std::uint8_t, 256>& digits,
                         MutableBytes octets) {
    std::uint64_t value = 0;
    std::uint8_t seen = 0;
    for (const char c : text) {
      const std::uint8_t digit = digits[static_cast<std::uint8_t>(c)];
      seen |= digit;
      value = (value << bits) | (digit & mask);
    }
    const std::size_t spare_bits = text.size() * bits - octets.size() * 8;
    if (seen == not_a_digit || (value & ((std::uint64_t{1} << spare_bits) - 1)) != 0) return false;
    value >>= spare_bits;
    for (std::size_t i = octets.size(); i > 0; --i, value >>= 8U) {
      octets[i - 1] = static_cast<std::uint8_t>(value);
    }
    return true;
  }

  static std::optional<Octets32> read(std::string_view text,
                                      const std::array<std::uint8_t, 256>& digits) {
    if (text.size() != (256 + bits - 1) / bits) return std::nullopt;
    Octets32 octets{};
    MutableBytes rest(octets);
    for (; rest.size() >= group_octets; rest = rest.subspan(group_octets)) {
      if (!read_group(text.substr(0, group_digits), digits, rest.first<group_octets>())) {
        return std::nullopt;
      }
      text.remove_prefix(group_digits);
    }
    if (!text.empty() && !read_group(text, digits, rest)) return std::nullopt;
    return octets;
  }
};

}  // namespace

std::array<char, base32_length> to_base32(const Octets32& octets) {
  std::array<char, base32_length> text{};
  Digits<5>::write(octets, base32_alphabet, text.data());
  return text;
}

std::optional<Octets32> parse_base32(std::string_view text) {
  if (text.size() == padded_base32_length && text.ends_with("====")) text.remove_suffix(4);
  return Digits<5>::read(text, base32_digits);
}

std::string to_base64(const Octets32& octets) {
  std::string text(44, '=');
  Digits<6>::write(octets, base64_alphabet, text.data());
  return text;
}

std::optional<Octets32> parse_base64(std::string_view text) {
  if (text.size() != 44 || text.back() != '=') return std::nullopt;
  return Digits<6>::read(text.substr(0, 43), base64_digits);
}

std::string to_hex(Bytes octets) {
  std::string text(octets.size() * 2, '0');
  Digits<4>::write(octets, hex_alphabet, text.data());
  return text;
}

std::optional<Octets32> parse_hex(std::string_view text) {
  return Digits<4>::read(text, hex_digits);
}

bool equals_ignoring_case(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  while (a.size() >= sizeof(std::uint64_t)) {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
    std::memcpy(&x, a.data(), sizeof x);
    std::memcpy(&y, b.data(), sizeof y);
    if (to_lower(x) != to_lower(y)) return false;
    a = a.subspan(sizeof x);
    b = b.subspan(sizeof y);
  }
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](std::uint8_t x, std::uint8_t y) { return to_lower(x) == to_lower(y); });
}

}  // namespace base
