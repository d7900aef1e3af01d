#include "dnsd/settings/free_names.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "base/encoding.hpp"
#include "dns/name.hpp"

namespace dnsd {
namespace {

std::string fold(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
  return lower;
}

}  // namespace

void FreeNames::take(std::string_view name) {
  taken_.insert(fold(name));
}

bool FreeNames::is_taken(std::string_view name) const {
  return taken_.contains(fold(name));
}

std::string FreeNames::take_free(std::string_view name) {
  if (taken_.insert(fold(name)).second) return std::string(name);
  for (unsigned& number = next_.try_emplace(fold(name), 2).first->second;; ++number) {
    const std::string suffix = fmt::format("-{}", number);
    std::string numbered(name.substr(0, dns::max_label_octets - suffix.size()));
    numbered += suffix;
    if (taken_.insert(fold(numbered)).second) return numbered;
  }
}

}  // namespace dnsd
