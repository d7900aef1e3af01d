#pragma once

#include <chrono>
#include <optional>
#include <vector>

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
  /// Whether this host has the address: what it sends there passes no firewall in front of it.
  [[nodiscard]] virtual bool is_own(const base::IpAddress& address) = 0;
  /// Lets time pass, until a record has expired.
  virtual void pause(std::chrono::milliseconds duration) = 0;
};

/// Asks the real servers. Blocks.
class RealOutside final : public Outside {
 public:
  /// \param server in place of those of resolv.conf.
  explicit RealOutside(const std::optional<base::Endpoint>& server);

  [[nodiscard]] base::Expected<Reply, ResolverError> resolve(const Name& name,
                                                             RrType type) override;
  [[nodiscard]] base::Expected<Reply, ServerError> ask(const base::IpAddress& server,
                                                       Transport transport, const Name& name,
                                                       RrType type) override;
  [[nodiscard]] bool is_own(const base::IpAddress& address) override;
  void pause(std::chrono::milliseconds duration) override;

 private:
  Resolver resolver_;
  std::vector<base::IpAddress> own_;  // read when the object is made
};

}  // namespace dns
