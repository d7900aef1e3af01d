#pragma once

#include <resolv.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/endpoint.hpp"
#include "dns/reply.hpp"

namespace dns {

/// Why there is no reply.
enum class ResolverError : std::uint8_t {
  server_failure,  ///< SERVFAIL, or another response code that is no answer
  refused,         ///< REFUSED
  timeout,         ///< no server answered
  unreachable,     ///< no server could be asked
  malformed,       ///< the reply is not well-formed
};
/// One clause: "it refuses (REFUSED)".
[[nodiscard]] std::string_view to_string(ResolverError error);

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
  [[nodiscard]] base::Expected<Reply, ResolverError> ask(const Name& name, RrType type);

 private:
  /// \return the length of the reply in `answer`, or why there is none.
  [[nodiscard]] base::Expected<std::size_t, ResolverError> exchange(const std::string& name,
                                                                    RrType type, bool edns,
                                                                    base::MutableBytes answer);

  struct __res_state state_ {};
  bool ready_ = false;
};

}  // namespace dns
