#include "base/encoding.hpp"

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

/// Writes the groups of `bits` bits of `octets`, most significant first; the last group is filled
/// with zero bits.
template <typename Out>
void write_digits(Bytes octets, unsigned bits, std::string_view alphabet, Out out) {
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  const std::uint32_t mask = (1U << bits) - 1U;
  for (const std::uint8_t octet : octets) {
    pending = (pending << 8U) | octet;
    pending_bits += 8;
    while (pending_bits >= bits) {
      pending_bits -= bits;
      *out++ = alphabet[(pending >> pending_bits) & mask];
    }
  }
  if (pending_bits > 0) *out++ = alphabet[(pending << (bits - pending_bits)) & mask];
}

std::optional<Octets32> read_digits(std::string_view text, unsigned bits,
                                    const std::array<std::uint8_t, 256>& digits) {
  if (text.size() != (256 + bits - 1) / bits) return std::nullopt;
  Octets32 octets{};
  std::size_t filled = 0;
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  for (const char c : text) {
    const std::uint8_t digit = digits[static_cast<std::uint8_t>(c)];
    if (digit == not_a_digit) return std::nullopt;
    pending = (pending << bits) | digit;
    pending_bits += bits;
    if (pending_bits >= 8 && filled < octets.size()) {
      pending_bits -= 8;
      octets[filled++] = static_cast<std::uint8_t>(pending >> pending_bits);
      pending &= (1U << pending_bits) - 1U;
    }
  }
  // What is left are the spare bits of the last digit: other values would be a second text for the
  // same key.
  if (pending != 0) return std::nullopt;
  return octets;
}

}  // namespace

std::array<char, base32_length> to_base32(const Octets32& octets) {
  std::array<char, base32_length> text{};
  write_digits(octets, 5, base32_alphabet, text.begin());
  return text;
}

std::optional<Octets32> parse_base32(std::string_view text) {
  if (text.size() == padded_base32_length && text.ends_with("====")) text.remove_suffix(4);
  return read_digits(text, 5, base32_digits);
}

std::string to_base64(const Octets32& octets) {
  std::string text(44, '=');
  write_digits(octets, 6, base64_alphabet, text.begin());
  return text;
}

std::optional<Octets32> parse_base64(std::string_view text) {
  if (text.size() != 44 || text.back() != '=') return std::nullopt;
  return read_digits(text.substr(0, 43), 6, base64_digits);
}

std::string to_hex(Bytes octets) {
  std::string text(octets.size() * 2, '0');
  write_digits(octets, 4, hex_alphabet, text.begin());
  return text;
}

std::optional<Octets32> parse_hex(std::string_view text) {
  return read_digits(text, 4, hex_digits);
}

}  // namespace base
