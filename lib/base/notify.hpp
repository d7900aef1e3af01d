#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace base {

/// Tells the service manager that started us how we are: `READY=1`, `STOPPING=1`, `WATCHDOG=1`,
/// `STATUS=…`, several of them on lines of their own (sd_notify(3)). Does nothing where no manager
/// listens ($NOTIFY_SOCKET). Never blocks; a message that cannot be sent is lost, with a warning.
/// Any thread.
void notify_systemd(std::string_view state);

/// How often `WATCHDOG=1` is due: half of what the service manager allows ($WATCHDOG_USEC and
/// $WATCHDOG_PID, sd_watchdog_enabled(3)). \return nullopt: no watchdog is asked for.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace base
