#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace dns {

inline constexpr std::size_t max_name_octets = 255;  // RFC 1035 §2.3.4
inline constexpr std::size_t max_label_octets = 63;

/// A whole, uncompressed name in wire form that is borrowed from somewhere: a question inside a
/// request, or a Name. Valid by construction (parse_name_view, Name::view): labels of 1–63 octets,
/// root label last, at most 255 octets. Never keep one beyond the call that got it.
class NameView {
 public:
  /// The root.
  NameView();

  [[nodiscard]] base::Bytes wire() const { return wire_; }
  [[nodiscard]] bool is_root() const { return wire_.size() == 1; }
  [[nodiscard]] std::size_t label_count() const;  ///< without the root label
  /// First label, without its length octet. Not for the root.
  [[nodiscard]] base::Bytes first_label() const { return wire_.subspan(1, wire_[0]); }
  [[nodiscard]] std::string_view first_label_text() const;
  /// Without its first label. Not for the root.
  [[nodiscard]] NameView parent() const {
    return NameView(wire_.subspan(std::size_t{1} + wire_[0]));
  }
  /// The name above `count` first labels. \param count <= label_count().
  [[nodiscard]] NameView ancestor(std::size_t count) const;
  /// Equal to or below `ancestor`, case ignored (RFC 4343).
  [[nodiscard]] bool is_at_or_below(NameView ancestor) const;
  /// Case ignored.
  [[nodiscard]] bool equals(NameView other) const;
  /// Master file form with a trailing dot; octets that are special there are escaped (RFC 1035
  /// §5.1), `=` too.
  [[nodiscard]] std::string to_string() const;

 private:
  friend class Name;
  friend std::optional<NameView> parse_name_view(base::Bytes wire);
  explicit NameView(base::Bytes wire) : wire_(wire) {}
  base::Bytes wire_;
};

/// The uncompressed name at the start of `wire`. \return nullopt: cut short, a compression pointer,
/// or too long.
[[nodiscard]] std::optional<NameView> parse_name_view(base::Bytes wire);

/// A name that owns its octets; case is kept. A plain value of 256 octets; the default is the root.
class Name {
 public:
  Name() { octets_[0] = 0; }
  explicit Name(NameView view);
  /// Master file form, absolute with or without the trailing dot; `\DDD` and `\X` are understood.
  /// \return nullopt: empty, an empty label, a label over 63 or a name over 255 octets.
  [[nodiscard]] static std::optional<Name> parse(std::string_view text);

  /// `labels` in front of `parent`, the first one first. \return nullopt: a label is empty or too
  /// long, or the name is.
  [[nodiscard]] static std::optional<Name> join(std::initializer_list<std::string_view> labels,
                                                NameView parent);

  [[nodiscard]] NameView view() const { return NameView(base::Bytes(octets_).first(size_)); }
  operator NameView() const { return view(); }  // NOLINT: a Name is a NameView that owns
  /// \return false, and nothing changed: the label is empty or too long, or the name would be.
  [[nodiscard]] bool prepend(std::string_view label);
  [[nodiscard]] Name lower_case() const;
  [[nodiscard]] std::string to_string() const { return view().to_string(); }

  /// Case ignored. The order is that of the lower-case wire form: stable, but not DNSSEC's
  /// canonical order.
  friend std::strong_ordering operator<=>(const Name& a, const Name& b);
  friend bool operator==(const Name& a, const Name& b) { return a.view().equals(b.view()); }

 private:
  std::array<std::uint8_t, max_name_octets> octets_;  // not cleared: replies are full of names
  std::uint8_t size_ = 1;
};

/// One LDH label (RFC 952, RFC 1123 §2.1): letters, digits and inner hyphens, 1–63 characters. It
/// cannot begin with '_'.
[[nodiscard]] bool is_ldh_label(std::string_view text);

/// For hash tables; case ignored, so that equal names hash alike. Keyed per process.
struct NameHash {
  using is_transparent = void;
  [[nodiscard]] std::size_t operator()(NameView name) const noexcept;
  [[nodiscard]] std::size_t operator()(const Name& name) const noexcept {
    return (*this)(name.view());
  }
};
struct NameEqual {
  using is_transparent = void;
  [[nodiscard]] bool operator()(NameView a, NameView b) const noexcept { return a.equals(b); }
};

}  // namespace dns
