#include "dns/name.hpp"

#include <algorithm>
#include <cstring>

#include "base/encoding.hpp"
#include "base/hash.hpp"

namespace dns {
namespace {

constexpr std::array<std::uint8_t, 1> root_wire = {0};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// One octet of a label in master file text: itself, or the octet that `\DDD` or `\X` stands for.
/// Moves `position` behind it. nullopt: a bad escape.
std::optional<std::uint8_t> read_text_octet(std::string_view text, std::size_t& position) {
  const char c = text[position++];
  if (c != '\\') return static_cast<std::uint8_t>(c);
  if (position == text.size()) return std::nullopt;
  if (!is_digit(text[position])) return static_cast<std::uint8_t>(text[position++]);
  if (text.size() - position < 3 || !is_digit(text[position + 1]) || !is_digit(text[position + 2]))
    return std::nullopt;
  const int value =
      (text[position] - '0') * 100 + (text[position + 1] - '0') * 10 + (text[position + 2] - '0');
  position += 3;
  if (value > 255) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

void append_text_octet(std::uint8_t octet, std::string& text) {
  const char c = static_cast<char>(octet);
  if (octet <= 0x20 || octet >= 0x7f) {
    text += '\\';
    text += static_cast<char>('0' + octet / 100);
    text += static_cast<char>('0' + octet / 10 % 10);
    text += static_cast<char>('0' + octet % 10);
    return;
  }
  // '=' is not special in RFC 1035, but Knot's zone parser wants it escaped, and every other parser
  // accepts it.
  if (std::string_view(".\\\"();@$=").find(c) != std::string_view::npos) text += '\\';
  text += c;
}

}  // namespace

NameView::NameView() : wire_(root_wire) {}

std::string_view NameView::first_label_text() const {
  return base::as_text(first_label());
}

std::size_t NameView::label_count() const {
  std::size_t count = 0;
  for (std::size_t at = 0; wire_[at] != 0; at += std::size_t{1} + wire_[at]) ++count;
  return count;
}

NameView NameView::ancestor(std::size_t count) const {
  NameView result = *this;
  for (; count > 0; --count) result = result.parent();
  return result;
}

// Length octets are below 64 and letters above: folding case over the whole wire form changes no
// length.
bool NameView::is_at_or_below(NameView ancestor_name) const {
  std::size_t at = 0;
  while (wire_.size() - at > ancestor_name.wire_.size()) at += std::size_t{1} + wire_[at];
  return base::equals_ignoring_case(wire_.subspan(at), ancestor_name.wire_);
}

bool NameView::equals(NameView other) const {
  return base::equals_ignoring_case(wire_, other.wire_);
}

std::string NameView::to_string() const {
  if (is_root()) return ".";
  std::string text;
  for (NameView rest = *this; !rest.is_root(); rest = rest.parent()) {
    for (const std::uint8_t octet : rest.first_label()) append_text_octet(octet, text);
    text += '.';
  }
  return text;
}

std::optional<NameView> parse_name_view(base::Bytes wire) {
  const std::size_t limit = std::min(wire.size(), max_name_octets);
  for (std::size_t at = 0; at < limit;) {
    const std::uint8_t length = wire[at++];
    if (length == 0) return NameView(wire.first(at));
    if (length > max_label_octets)
      return std::nullopt;  // RFC 1035 §4.1.4: a pointer, or a reserved label type
    at += length;
  }
  return std::nullopt;
}

Name::Name(NameView view) : size_(static_cast<std::uint8_t>(view.wire().size())) {
  std::copy(view.wire().begin(), view.wire().end(), octets_.begin());
}

std::optional<Name> Name::parse(std::string_view text) {
  Name name;
  if (text == ".") return name;
  if (text.empty()) return std::nullopt;
  std::size_t size =
      0;  // octets written; the length octet of the label being read is at label_start
  std::size_t position = 0;
  while (position < text.size()) {
    const std::size_t label_start = size++;
    while (position < text.size() && text[position] != '.') {
      const auto octet = read_text_octet(text, position);
      // One octet must stay for the root label.
      if (!octet || size - label_start > max_label_octets || size >= max_name_octets - 1)
        return std::nullopt;
      name.octets_[size++] = *octet;
    }
    if (size - label_start == 1) return std::nullopt;  // empty label
    name.octets_[label_start] = static_cast<std::uint8_t>(size - label_start - 1);
    if (position < text.size()) ++position;  // the dot
  }
  name.octets_[size++] = 0;
  name.size_ = static_cast<std::uint8_t>(size);
  return name;
}

std::optional<Name> Name::join(std::initializer_list<std::string_view> labels, NameView parent) {
  Name name;
  std::size_t size = 0;
  for (const std::string_view label : labels) {
    if (label.empty() || label.size() > max_label_octets ||
        size + 1 + label.size() >= max_name_octets)
      return std::nullopt;
    name.octets_[size++] = static_cast<std::uint8_t>(label.size());
    std::copy(label.begin(), label.end(), name.octets_.begin() + static_cast<std::ptrdiff_t>(size));
    size += label.size();
  }
  if (size + parent.wire().size() > max_name_octets) return std::nullopt;
  std::memcpy(name.octets_.data() + size, parent.wire().data(), parent.wire().size());
  name.size_ = static_cast<std::uint8_t>(size + parent.wire().size());
  return name;
}

bool Name::prepend(std::string_view label) {
  if (label.empty() || label.size() > max_label_octets ||
      label.size() + 1 + size_ > max_name_octets)
    return false;
  std::copy_backward(octets_.begin(), octets_.begin() + size_,
                     octets_.begin() + size_ + static_cast<std::ptrdiff_t>(label.size()) + 1);
  octets_[0] = static_cast<std::uint8_t>(label.size());
  std::copy(label.begin(), label.end(), octets_.begin() + 1);
  size_ = static_cast<std::uint8_t>(size_ + label.size() + 1);
  return true;
}

Name Name::lower_case() const {
  Name lower = *this;
  for (std::uint8_t& octet : base::MutableBytes(lower.octets_).first(size_))
    octet = base::to_lower(octet);
  return lower;
}

std::strong_ordering operator<=>(const Name& a, const Name& b) {
  const base::Bytes x = a.view().wire();
  const base::Bytes y = b.view().wire();
  return std::lexicographical_compare_three_way(
      x.begin(), x.end(), y.begin(), y.end(),
      [](std::uint8_t i, std::uint8_t j) { return base::to_lower(i) <=> base::to_lower(j); });
}

bool is_ldh_label(std::string_view text) {
  if (text.empty() || text.size() > max_label_octets || text.front() == '-' || text.back() == '-')
    return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

std::size_t NameHash::operator()(NameView name) const noexcept {
  return base::keyed_hash_lower(name.wire());
}

}  // namespace dns
