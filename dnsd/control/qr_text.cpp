#include "dnsd/control/qr_text.hpp"

#include <array>
#include <cstdint>
#include <qrcodegen/qrcodegen.hpp>
#include <vector>

namespace dnsd {
namespace {

constexpr int quiet_zone = 4;  // modules on each side (ISO/IEC 18004 §5.3.8)
/// Black on white; the end of the line stays as the terminal has it.
constexpr std::string_view colours = "\x1b[30;107m";
constexpr std::string_view plain = "\x1b[0m";

/// The upper module is the first bit.
constexpr std::array<std::string_view, 4> blocks = {" ", "▄", "▀", "█"};

}  // namespace

std::optional<std::string> draw_qr(std::string_view text) {
  if (text.size() > max_qr_octets) return std::nullopt;
  const std::vector<std::uint8_t> octets(text.begin(), text.end());
  const auto code = qrcodegen::QrCode::encodeBinary(octets, qrcodegen::QrCode::Ecc::LOW);
  std::string lines;
  // Modules outside the code are light.
  for (int y = -quiet_zone; y < code.getSize() + quiet_zone; y += 2) {
    lines += colours;
    for (int x = -quiet_zone; x < code.getSize() + quiet_zone; ++x) {
      const std::size_t upper = code.getModule(x, y) ? 2 : 0;
      const std::size_t lower = code.getModule(x, y + 1) ? 1 : 0;
      lines += blocks[upper + lower];
    }
    lines += plain;
    lines += '\n';
  }
  return lines;
}

}  // namespace dnsd
