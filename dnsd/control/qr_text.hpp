#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dnsd {

/// A QR code (ISO/IEC 18004) for a terminal: each character is two modules, one above the other,
/// in UTF-8 half blocks. Colours are set by escape sequences (ECMA-48), because the cameras of
/// phones want dark modules on light ground, whatever the colours of the terminal are.
/// \return lines with their newlines; nullopt: the text is too long, see max_qr_octets
[[nodiscard]] std::optional<std::string> draw_qr(std::string_view text);

/// Octets that the largest code holds, with the least redundancy.
inline constexpr std::size_t max_qr_octets = 2953;

}  // namespace dnsd
