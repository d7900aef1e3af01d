#include "base/capability.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace base {
namespace {

using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

// glibc has no functions for these.
bool call(long number, Sets& sets) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  return ::syscall(number, &header, sets.data()) == 0;
}

std::uint32_t bit_of(int capability) {
  return std::uint32_t{1} << (static_cast<unsigned>(capability) % 32U);
}

}  // namespace

bool has_capability(int capability) {
  Sets sets{};
  return call(SYS_capget, sets) &&
         (sets[static_cast<std::size_t>(capability) / 32].effective & bit_of(capability)) != 0;
}

void use_permitted_capabilities() {
  Sets sets{};
  if (!call(SYS_capget, sets)) return;
  for (auto& set : sets) set.effective = set.permitted;
  (void)call(SYS_capset, sets);
}

bool drop_capability(int capability) {
  (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  Sets sets{};
  if (!call(SYS_capget, sets)) return false;
  auto& set = sets[static_cast<std::size_t>(capability) / 32];
  const std::uint32_t bit = bit_of(capability);
  if (((set.effective | set.permitted | set.inheritable) & bit) == 0) return true;
  set.effective &= ~bit;
  set.permitted &= ~bit;
  set.inheritable &= ~bit;  // and with it the ambient set
  return call(SYS_capset, sets);
}

}  // namespace base
