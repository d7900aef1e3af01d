#pragma once

/// Capabilities of the calling thread (capabilities(7)); a thread that it makes begins with them.
namespace base {

/// \param capability CAP_… of <linux/capability.h>. \return whether the thread may use it.
[[nodiscard]] bool has_capability(int capability);

/// Gives it up for good: the thread cannot get it back. The bounding set, which only counts when a
/// program is executed, keeps it without CAP_SETPCAP. \return whether it is gone; nothing to give
/// up is success.
[[nodiscard]] bool drop_capability(int capability);

}  // namespace base
