#pragma once

#include <resolv.h>

#include <optional>

#include "base/endpoint.hpp"
#include "updater/lookup.hpp"

namespace updater {

/// The system's resolver as resolv.conf configures it at this moment (glibc; TCP when a reply is
/// truncated). Make one for each round of questions: making one reads resolv.conf again, which
/// takes microseconds. One thread at a time.
class Resolver {
 public:
  /// \param server asked instead of resolv.conf's servers; its options (timeout, attempts, …) stay.
  explicit Resolver(const std::optional<base::Endpoint>& server);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Blocks for as long as resolv.conf allows: by default 5 s, twice, for each server.
  [[nodiscard]] base::Expected<dns::Reply, LookupError> ask(const dns::Name& name,
                                                            dns::RrType type);

 private:
  /// \return the length of the reply in `answer`, or why there is none.
  [[nodiscard]] base::Expected<std::size_t, LookupError> exchange(const std::string& name,
                                                                  dns::RrType type, bool edns,
                                                                  base::MutableBytes answer);

  struct __res_state state_ {};
  bool ready_ = false;
};

}  // namespace updater
