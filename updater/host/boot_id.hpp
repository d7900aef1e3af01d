#pragma once

#include <string>

namespace updater {

/// Identifies this boot of the machine, in the kernel's spelling: 32 hex digits in five groups.
/// From $BOOT_ID (the unit passes it, because ProcSubset=pid hides the kernel's file), else from
/// the kernel. Empty: it is not known.
[[nodiscard]] std::string read_boot_id();

}  // namespace updater
