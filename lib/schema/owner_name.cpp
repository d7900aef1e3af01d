// Owner names in both directions: parse_peer_name() finds the peer and the position that a name
// stands for, the functions below it make names from keys. Pure, on the caller's thread; servers do
// both for every query, so labels are made on the stack. The text forms of keys are in
// base/encoding, names as such in dns/name.

#include "schema/owner_name.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/encoding.hpp"

namespace schema {
namespace {

// The deepest name that means something has three labels above K: the address label, or
// _wireguard._udp.
constexpr std::size_t max_labels = 3;

bool label_equals(base::Bytes label, std::string_view text) {
  return base::equals_ignoring_case(label, base::as_bytes(text));
}

/// The labels of a name below the zone, the one next to the apex first; the three nearest are kept.
class NearestLabels {
 public:
  NearestLabels(dns::NameView name, dns::NameView zone) : wire_(name.wire()) {
    const std::size_t below = wire_.size() - zone.wire().size();
    for (std::size_t at = 0; at < below; at += std::size_t{1} + wire_[at], ++count_)
      starts_ = {at, starts_[0], starts_[1]};
  }

  /// The number of all labels, not only of those that are kept.
  [[nodiscard]] std::size_t count() const { return count_; }
  /// \param i below count() and max_labels.
  [[nodiscard]] base::Bytes operator[](std::size_t i) const {
    return wire_.subspan(starts_[i] + 1, wire_[starts_[i]]);
  }

 private:
  base::Bytes wire_;
  std::array<std::size_t, max_labels> starts_{};
  std::size_t count_ = 0;
};

/// Digits already have the bit that makes a letter lower case.
KeyLabel lower_case_label(base::Bytes label) {
  std::array<std::uint32_t, base::base32_length / 4> words;
  std::memcpy(words.data(), label.data(), sizeof words);  // a key's label is as long, or longer
  for (std::uint32_t& word : words) word |= 0x20202020U;
  return std::bit_cast<KeyLabel>(words);
}

/// Cannot fail: zones are at most max_zone_octets long.
dns::Name join(std::initializer_list<std::string_view> labels, dns::NameView zone) {
  return *dns::Name::join(labels, zone);
}

/// A label on the stack: names are made for every answer.
class ShortLabel {
 public:
  void add(std::string_view text) {
    std::memcpy(text_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  /// Adds the first `size` characters. Copying all three costs less.
  void add(const std::array<char, 3>& text, std::size_t size) {
    std::memcpy(text_.data() + size_, text.data(), text.size());
    size_ += size;
  }
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, base::padded_base32_length> text_;
  std::size_t size_ = 0;
};

ShortLabel make_key_label(const wg::PublicKey& key) {
  ShortLabel label;
  const auto digits = base::to_base32(key.octets());
  label.add({digits.data(), digits.size()});
  return label;
}

/// An octet in decimal, and how many digits that are.
struct Decimal {
  std::array<char, 3> digits{};
  std::uint8_t size = 0;
};
consteval std::array<Decimal, 256> make_decimals() {
  std::array<Decimal, 256> all{};
  for (std::size_t i = 0; i < all.size(); ++i) {
    Decimal& one = all[i];
    if (i >= 100) one.digits[one.size++] = static_cast<char>('0' + i / 100);
    if (i >= 10) one.digits[one.size++] = static_cast<char>('0' + i / 10 % 10);
    one.digits[one.size++] = static_cast<char>('0' + i % 10);
  }
  return all;
}
constexpr auto decimals = make_decimals();

ShortLabel make_address_label(const base::IpAddress& address) {
  ShortLabel label;
  const base::Bytes octets = address.bytes();
  if (!address.is_ipv4()) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::array<char, 32> text;
    for (std::size_t i = 0; i < octets.size(); ++i) {
      text[2 * i] = digits[octets[i] >> 4U];
      text[2 * i + 1] = digits[octets[i] & 0x0fU];
    }
    label.add({text.data(), text.size()});
    return label;
  }
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i > 0) label.add("-");
    const Decimal& decimal = decimals[octets[i]];
    label.add(decimal.digits, decimal.size);
  }
  return label;
}

}  // namespace

std::optional<PeerName> parse_peer_name(dns::NameView name, dns::NameView zone) {
  const NearestLabels labels(name, zone);
  if (labels.count() == 0) return std::nullopt;
  if (const auto octets = base::parse_base32(base::as_text(labels[0]))) {
    PeerName result{PeerName::Form::other, wg::PublicKey(*octets), lower_case_label(labels[0]),
                    false, std::nullopt};
    if (labels[0].size() != base::base32_length) return result;
    if (labels.count() == 1) {
      result.form = PeerName::Form::host;
    } else if (label_equals(labels[1], protocol_label)) {
      if (labels.count() == 2) result.form = PeerName::Form::protocol;
      if (labels.count() == 3 && label_equals(labels[2], service_label))
        result.form = PeerName::Form::service;
    } else if (labels.count() == 2 && label_equals(labels[1], lan_label)) {
      result.form = PeerName::Form::lan;
    } else if (labels.count() == 2 && label_equals(labels[1], path_label)) {
      result.form = PeerName::Form::path;
    } else if (labels.count() == 2) {
      result.address = parse_address_label(base::as_text(labels[1]));
      if (result.address) result.form = PeerName::Form::address;
    }
    return result;
  }
  if (labels.count() < 3 || !label_equals(labels[0], protocol_label) ||
      !label_equals(labels[1], service_label)) {
    return std::nullopt;
  }
  const auto octets = base::parse_base32(base::as_text(labels[2]));
  if (!octets) return std::nullopt;
  const bool padded = labels[2].size() == base::padded_base32_length;
  return PeerName{labels.count() == 3 ? PeerName::Form::instance : PeerName::Form::other,
                  wg::PublicKey(*octets), lower_case_label(labels[2]), padded, std::nullopt};
}

std::string key_label(const wg::PublicKey& key) {
  return std::string(make_key_label(key).text());
}

std::string address_label(const base::IpAddress& address) {
  return std::string(make_address_label(address).text());
}

std::optional<base::IpAddress> parse_address_label(std::string_view label) {
  std::optional<base::IpAddress> address;
  if (label.size() == 32) {
    std::array<std::uint8_t, 16> octets{};
    for (std::size_t i = 0; i < octets.size(); ++i) {
      const char* const first = label.data() + 2 * i;
      const auto [end, ec] = std::from_chars(first, first + 2, octets[i], 16);
      if (ec != std::errc() || end != first + 2) return std::nullopt;
    }
    return base::IpAddress(octets);
  }
  if (label.find_first_not_of("0123456789-") != std::string_view::npos) return std::nullopt;
  std::string dotted(label);
  std::replace(dotted.begin(), dotted.end(), '-', '.');
  address = base::IpAddress::parse(dotted);
  // One address has one label: no leading zeros.
  if (!address || address_label(*address) != label) return std::nullopt;
  return address;
}

dns::Name host_name(const wg::PublicKey& key, dns::NameView zone) {
  return join({make_key_label(key).text()}, zone);
}

dns::Name service_name(const wg::PublicKey& key, dns::NameView zone) {
  return join({service_label, protocol_label, make_key_label(key).text()}, zone);
}

dns::Name instance_name(const wg::PublicKey& key, dns::NameView zone) {
  return join({make_key_label(key).text(), service_label, protocol_label}, zone);
}

dns::Name padded_instance_name(const wg::PublicKey& key, dns::NameView zone) {
  ShortLabel label = make_key_label(key);
  label.add("====");
  return join({label.text(), service_label, protocol_label}, zone);
}

dns::Name address_name(const base::IpAddress& address, const wg::PublicKey& key,
                       dns::NameView zone) {
  return join({make_address_label(address).text(), make_key_label(key).text()}, zone);
}

dns::Name lan_name(const wg::PublicKey& key, dns::NameView zone) {
  return join({lan_label, make_key_label(key).text()}, zone);
}

dns::Name path_name(const wg::PublicKey& key, dns::NameView zone) {
  return join({path_label, make_key_label(key).text()}, zone);
}

dns::Name relay_name(const wg::PublicKey& key, dns::NameView zone) {
  return join({relay_label, make_key_label(key).text()}, zone);
}

void write_address_name(const base::IpAddress& address, const KeyLabel& label, dns::NameView zone,
                        base::ByteWriter& out) {
  const ShortLabel first = make_address_label(address);
  out.u8(static_cast<std::uint8_t>(first.text().size()));
  out.bytes(base::as_bytes(first.text()));
  out.u8(static_cast<std::uint8_t>(label.size()));
  out.bytes(base::as_bytes({label.data(), label.size()}));
  out.bytes(zone.wire());
}

std::optional<std::string> check_peer_label(std::string_view label) {
  if (!dns::is_ldh_label(label)) {
    return "must be one DNS label: 1 to 63 letters, digits and hyphens, with no hyphen at either "
           "end";
  }
  if (base::parse_base32(label)) return "looks like a public key in base32; choose a shorter name";
  return std::nullopt;
}

}  // namespace schema
