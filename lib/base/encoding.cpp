// Base32, base64 and hexadecimal. `Digits` handles all three; reading base32 has faster code of its
// own, because servers do it for every query. At the end, text is compared in any case. Pure, on
// any thread.

#include "base/encoding.hpp"

#include <algorithm>
#include <bit>
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
    const std::uint8_t* const octet = octets.data();
    for (std::size_t j = 0; j < group_octets; ++j) value = (value << 8U) | octet[j];
    const char* const digit = alphabet.data();  // the mask bounds the index
    ((out[i] = digit[(value >> ((group_digits - 1 - i) * bits)) & mask]), ...);
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
  template <std::size_t octet_count, std::size_t... i>
  static bool read_group(const char* text, const std::uint8_t* digits, std::uint8_t* octets,
                         std::index_sequence<i...> /*digits*/) {
    std::uint64_t value = 0;
    std::uint8_t seen = 0;
    const auto add = [&](char c) {
      const std::uint8_t digit = digits[static_cast<std::uint8_t>(c)];
      seen |= digit;
      value = (value << bits) | digit;
    };
    (add(text[i]), ...);
    constexpr std::size_t spare_bits = sizeof...(i) * bits - octet_count * 8;
    if (seen == not_a_digit || (value & ((std::uint64_t{1} << spare_bits) - 1)) != 0) return false;
    value >>= spare_bits;
    for (std::size_t j = octet_count; j > 0; --j, value >>= 8U)
      octets[j - 1] = static_cast<std::uint8_t>(value);
    return true;
  }

  static std::optional<Octets32> read(std::string_view text,
                                      const std::array<std::uint8_t, 256>& digits) {
    if (text.size() != (256 + bits - 1) / bits) return std::nullopt;
    Octets32 octets{};
    const char* next = text.data();
    std::uint8_t* out = octets.data();
    constexpr std::size_t groups = sizeof octets / group_octets;
    for (std::size_t i = 0; i < groups; ++i, next += group_digits, out += group_octets) {
      if (!read_group<group_octets>(next, digits.data(), out,
                                    std::make_index_sequence<group_digits>()))
        return std::nullopt;
    }
    constexpr std::size_t rest = sizeof octets % group_octets;
    if constexpr (rest > 0) {
      constexpr std::size_t last_digits = (rest * 8 + bits - 1) / bits;
      if (!read_group<rest>(next, digits.data(), out, std::make_index_sequence<last_digits>()))
        return std::nullopt;
    }
    return octets;
  }
};

}  // namespace

// Queries hold keys, so this must be fast: sixteen digits at a time, each in a lane of a vector.
// The compiler uses the vector instructions that the processor has.
namespace {

using Lanes8 = std::int8_t __attribute__((vector_size(16)));
using Lanes16 = std::uint16_t __attribute__((vector_size(16)));
using Lanes32 = std::uint32_t __attribute__((vector_size(16)));
using Lanes64 = std::uint64_t __attribute__((vector_size(16)));
constexpr std::size_t lane_digits = sizeof(Lanes8);

/// Joins the halves of each lane: the one that is first in the text is shifted up by `bits` bits.
template <typename Lanes>
Lanes join_halves(Lanes lanes, unsigned bits) {
  constexpr unsigned half_bits = 4 * sizeof lanes[0];
  const Lanes low = lanes & (~Lanes{} >> half_bits);
  const Lanes high = lanes >> half_bits;
  return std::endian::native == std::endian::little ? (low << bits) | high : (high << bits) | low;
}

/// Sixteen base32 digits as two numbers of 40 bits. \param valid lanes turn to zero where a
/// character is no digit.
std::array<std::uint64_t, 2> read_base32_digits(const char* text, Lanes8& valid) {
  Lanes8 character;
  std::memcpy(&character, text, sizeof character);
  const Lanes8 lower = character | 0x20;
  const Lanes8 is_letter = (lower >= 'a') & (lower <= 'z');  // octets from 0x80 are negative
  const Lanes8 is_digit = (character >= '2') & (character <= '7');
  valid &= is_letter | is_digit;
  // 'a' stands for 0, '2' for 26.
  const Lanes8 value = ((is_letter & lower) - (is_letter & 'a')) |
                       ((is_digit & character) - (is_digit & ('2' - 26)));
  const auto tens = join_halves(std::bit_cast<Lanes16>(value), 5);
  const auto twenties = join_halves(std::bit_cast<Lanes32>(tens), 10);
  return std::bit_cast<std::array<std::uint64_t, 2>>(
      join_halves(std::bit_cast<Lanes64>(twenties), 20));
}

void store_big_endian(std::uint64_t word, std::uint8_t* octets) {
  word = swap_network_order(word);
  std::memcpy(octets, &word, sizeof word);
}

}  // namespace

std::array<char, base32_length> to_base32(const Octets32& octets) {
  std::array<char, base32_length> text{};
  Digits<5>::write(octets, base32_alphabet, text.data());
  return text;
}

std::optional<Octets32> parse_base32(std::string_view text) {
  if (text.size() == padded_base32_length && text.ends_with("====")) text.remove_suffix(4);
  if (text.size() != base32_length) return std::nullopt;
  std::array<std::uint8_t, sizeof(Octets32) + 8> octets;
  Lanes8 valid = ~Lanes8{};
  constexpr std::size_t whole = 3;  // groups of sixteen digits, ten octets
  for (std::size_t i = 0; i < whole; ++i) {
    const auto bits = read_base32_digits(text.data() + lane_digits * i, valid);
    store_big_endian(bits[0] << 24U, octets.data() + 10 * i);  // what follows writes over the rest
    store_big_endian(bits[1] << 24U, octets.data() + 10 * i + 5);
  }
  // The last four digits, read with those before: two octets and four spare bits.
  const auto bits = read_base32_digits(text.data() + base32_length - lane_digits, valid);
  store_big_endian(bits[1] << 44U, octets.data() + 10 * whole);
  const auto all_valid = std::bit_cast<std::array<std::uint64_t, 2>>(valid);
  if ((all_valid[0] & all_valid[1]) != ~std::uint64_t{0} || (bits[1] & 0x0fU) != 0)
    return std::nullopt;
  Octets32 result;
  std::memcpy(result.data(), octets.data(), sizeof result);
  return result;
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

namespace {

template <typename Word>
[[gnu::always_inline]] inline bool equal_words(const std::uint8_t* a, const std::uint8_t* b) {
  Word x = 0;
  Word y = 0;
  std::memcpy(&x, a, sizeof x);
  std::memcpy(&y, b, sizeof y);
  return x == y || to_lower(std::uint64_t{x}) == to_lower(std::uint64_t{y});
}

/// Words from the front, and one that ends at the end. \param size at least that of one word.
template <typename Word>
bool equal_in_words(const std::uint8_t* a, const std::uint8_t* b, std::size_t size) {
  for (std::size_t at = 0; at + sizeof(Word) < size; at += sizeof(Word)) {
    if (!equal_words<Word>(a + at, b + at)) return false;
  }
  return equal_words<Word>(a + size - sizeof(Word), b + size - sizeof(Word));
}

}  // namespace

bool equals_ignoring_case(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  if (a.size() >= 8) return equal_in_words<std::uint64_t>(a.data(), b.data(), a.size());
  if (a.size() >= 4) return equal_in_words<std::uint32_t>(a.data(), b.data(), a.size());
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](std::uint8_t x, std::uint8_t y) { return to_lower(x) == to_lower(y); });
}

}  // namespace base
