#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace dnsd {

/// Gives each peer a name of its own: a name that is taken gets a number. Names are one DNS label,
/// compared in any case. A plain value, one thread.
class FreeNames {
 public:
  /// Nobody else gets this name.
  void take(std::string_view name);
  [[nodiscard]] bool is_taken(std::string_view name) const;
  /// Takes `name` if it is free, else `name-2`, `name-3` … with the lowest number that is, cut to
  /// the length of a label. \return the name that was taken
  [[nodiscard]] std::string take_free(std::string_view name);

 private:
  std::unordered_set<std::string> taken_;           // in lower case
  std::unordered_map<std::string, unsigned> next_;  // name that was not free → first number to try
};

}  // namespace dnsd
