#include "updater/control/bundle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/encoding.hpp"
#include "base/ip_address.hpp"
#include "wg/public_key.hpp"

namespace updater {
namespace {

constexpr std::size_t base64_length = 44;
constexpr std::size_t tar_block = 512;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_base64(char c) {
  return is_letter_or_digit(c) || c == '+' || c == '/';
}

bool is_address_part(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
         c == '.' || c == '-';
}

/// An address as text, or as a label of a name in DNS (doc/protocol.md §1.1).
std::optional<base::IpAddress> parse_any_form(std::string_view text) {
  if (const auto address = base::IpAddress::parse(text)) return address;
  std::string other(text);
  if (other.find('-') != std::string::npos && other.find_first_of(":.") == std::string::npos) {
    std::replace(other.begin(), other.end(), '-', '.');
    return base::IpAddress::parse(other);
  }
  constexpr std::size_t ipv6_label = 32;
  constexpr std::size_t group = 4;
  if (other.size() != ipv6_label || other.find_first_of(":.") != std::string::npos)
    return std::nullopt;
  for (std::size_t at = ipv6_label - group; at > 0; at -= group) other.insert(at, ":");
  return base::IpAddress::parse(other);
}

bool is_of_every_host(const base::IpAddress& address) {
  const std::string text = address.to_string();
  return text.starts_with("127.") || text == "::1" || text == "0.0.0.0" || text == "::";
}

/// A field of a tar header: octal digits and a zero octet.
void put_octal(std::string& header, std::size_t at, std::size_t width, std::uint64_t value) {
  const std::string digits = fmt::format("{:0{}o}", value, width - 1);
  header.replace(at, digits.size(), digits);
}

std::string write_header(const BundleFile& file, std::uint64_t time) {
  std::string header(tar_block, '\0');
  header.replace(0, file.name.size(), file.name);
  put_octal(header, 100, 8, 0600);
  put_octal(header, 108, 8, 0);
  put_octal(header, 116, 8, 0);
  put_octal(header, 124, 12, file.text.size());
  put_octal(header, 136, 12, time);
  header.replace(148, 8, 8, ' ');  // the checksum counts as blanks
  header[156] = '0';               // a regular file
  header.replace(257, 8,
                 std::string("ustar\0"
                             "00",
                             8));
  const unsigned sum = std::accumulate(
      header.begin(), header.end(), 0U,
      [](unsigned before, char c) { return before + static_cast<unsigned char>(c); });
  put_octal(header, 148, 7, sum);
  return header;
}

}  // namespace

std::string Scrubber::scrub(std::string_view text) {
  std::string scrubbed;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const char before = at == 0 ? ' ' : text[at - 1];
    std::pair<std::size_t, std::string> found{0, ""};
    if (!is_base64(before)) found = take_key(rest);
    if (found.first == 0 && masks_addresses_ && !is_letter_or_digit(before) && before != ':' &&
        before != '.')
      found = take_address(rest);
    if (found.first == 0) {
      scrubbed += text[at++];
      continue;
    }
    scrubbed += found.second;
    at += found.first;
  }
  return scrubbed;
}

/// \return its octets, and what takes their place; 0: the text begins with no key.
std::pair<std::size_t, std::string> Scrubber::take_key(std::string_view rest) const {
  if (const auto key = wg::PublicKey::parse(rest.substr(0, base64_length)))
    return {base64_length, key->to_short()};
  const std::string_view label = rest.substr(0, base::base32_length);
  const bool ends = label.size() == rest.size() || !is_letter_or_digit(rest[label.size()]);
  if (const auto octets = ends ? base::parse_base32(label) : std::nullopt)
    return {label.size(), wg::PublicKey(*octets).to_short()};
  return {0, ""};
}

/// The same for an address. A port behind it stays.
std::pair<std::size_t, std::string> Scrubber::take_address(std::string_view rest) {
  const auto* const end = std::find_if_not(rest.begin(), rest.end(), is_address_part);
  std::string_view word = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  while (!word.empty() && (word.ends_with('.') || word.ends_with(':') || word.ends_with('-')))
    word.remove_suffix(1);
  auto address = parse_any_form(word);
  if (!address && word.find(':') != std::string_view::npos) {
    word = word.substr(0, word.find(':'));
    address = parse_any_form(word);
    if (address && !address->is_ipv4()) address.reset();
  }
  if (!address && word.find('.') != std::string_view::npos) {  // the first label of a name
    word = word.substr(0, word.find('.'));
    if (word.find('-') != std::string_view::npos || word.size() == 32)
      address = parse_any_form(word);
  }
  if (!address || is_of_every_host(*address)) return {0, ""};
  const auto [known, is_new] = masks_.emplace(address->to_string(), "");
  if (is_new)
    known->second = fmt::format("{}-{}", address->is_ipv4() ? "ip4" : "ip6", masks_.size());
  return {word.size(), known->second};
}

std::string write_tar(const std::vector<BundleFile>& files, base::WallTime now) {
  const auto time = static_cast<std::uint64_t>(base::WallTime::clock::to_time_t(now));
  std::string tar;
  for (const BundleFile& file : files) {
    tar += write_header(file, time);
    tar += file.text;
    tar.append((tar_block - file.text.size() % tar_block) % tar_block, '\0');
  }
  tar.append(2 * tar_block, '\0');
  return tar;
}

}  // namespace updater
