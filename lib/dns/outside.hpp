#pragma once

#include <optional>

#include "dns/resolver.hpp"
#include "dns/server_question.hpp"

namespace dns {

/// Asks DNS servers outside this host, for diagnosis. An interface, so that tests can replace it.
class Outside {
 public:
  Outside() = default;
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  virtual ~Outside() = default;

  /// Asks through the system's resolver.
  [[nodiscard]] virtual base::Expected<Reply, ResolverError> resolve(const Name& name,
                                                                     RrType type) = 0;
  /// Asks one server directly, on port 53.
  [[nodiscard]] virtual base::Expected<Reply, ServerError> ask(const base::IpAddress& server,
                                                               Transport transport,
                                                               const Name& name, RrType type) = 0;
};

/// Asks the real servers. Blocks.
class RealOutside final : public Outside {
 public:
  /// \param server in place of those of resolv.conf.
  explicit RealOutside(const std::optional<base::Endpoint>& server) : resolver_(server) {}

  [[nodiscard]] base::Expected<Reply, ResolverError> resolve(const Name& name,
                                                             RrType type) override;
  [[nodiscard]] base::Expected<Reply, ServerError> ask(const base::IpAddress& server,
                                                       Transport transport, const Name& name,
                                                       RrType type) override;

 private:
  Resolver resolver_;
};

}  // namespace dns
