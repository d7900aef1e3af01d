#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

/// What `wg-updater doctor --bundle` gathers for somebody else to look at. Pure.
namespace updater {

/// Takes out of a text what is nobody else's business. The same address is the same word in every
/// text of one scrubber, so that what belongs together still does.
class Scrubber {
 public:
  explicit Scrubber(bool masks_addresses) : masks_addresses_(masks_addresses) {}

  /// Shortens the keys, in base64 and in base32: `xTIB…p8Dg`. Where asked for, addresses become
  /// `ip4-1`, `ip6-2` … in all spellings, those of names in DNS included; loopback stays.
  [[nodiscard]] std::string scrub(std::string_view text);

 private:
  [[nodiscard]] std::pair<std::size_t, std::string> take_key(std::string_view rest) const;
  [[nodiscard]] std::pair<std::size_t, std::string> take_address(std::string_view rest);

  bool masks_addresses_;
  std::map<std::string, std::string> masks_;  ///< by address
};

struct BundleFile {
  std::string name;  ///< 1 to 99 octets
  std::string text;
};

/// A tar archive (POSIX ustar) of these files, for their owner alone to read. \param now their
/// time.
[[nodiscard]] std::string write_tar(const std::vector<BundleFile>& files, base::WallTime now);

}  // namespace updater
