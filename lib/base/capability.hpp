#pragma once

/// Capabilities of the calling thread (capabilities(7)); a thread that it makes begins with them.
namespace base {

/// \param capability CAP_… of <linux/capability.h>. \return whether the thread may use it.
[[nodiscard]] bool has_capability(int capability);

/// Makes all that the thread is permitted effective: files of programs in images have capabilities
/// that are permitted only, because an effective one that the container lacks would keep the
/// program from being executed at all. Call first in main().
void use_permitted_capabilities();

/// Gives it up for good: the thread cannot get it back. The bounding set, which only counts when a
/// program is executed, keeps it without CAP_SETPCAP. \return whether it is gone; nothing to give
/// up is success.
[[nodiscard]] bool drop_capability(int capability);

}  // namespace base
