#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/expected.hpp"
#include "dnsd/point/inner_packet.hpp"
#include "dnsd/point/observation_point.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

class Observatory;

/// The built-in points of the configuration: opened, kept, closed, each with the configured peers.
/// What they report reaches the observatory on the control thread, where every call here is made.
class ObservationPoints {
 public:
  /// All references outlive this. \param inner called on the points' threads
  ObservationPoints(asio::io_context& io, Observatory& observatory, InnerHandler inner);
  ~ObservationPoints();
  ObservationPoints(const ObservationPoints&) = delete;
  ObservationPoints& operator=(const ObservationPoints&) = delete;

  /// Opens what is new and closes what is gone; after the observatory knows the same
  /// configuration. Points that stay keep their sessions. \error one sentence; what could be done
  /// is done.
  [[nodiscard]] base::Expected<void, std::string> change(const Config& config);
  /// Nothing is received or reported afterwards.
  void stop() { points_.clear(); }

  [[nodiscard]] const std::vector<std::unique_ptr<ObservationPoint>>& all() const {
    return points_;
  }
  /// Who behaves oddly at any of them.
  [[nodiscard]] PeerOddities oddities() const;

 private:
  struct Shared;

  [[nodiscard]] base::Expected<std::unique_ptr<ObservationPoint>, std::string> open(
      const Config& config, const ConfiguredPoint& configured);

  Observatory& observatory_;
  InnerHandler inner_;
  std::shared_ptr<Shared> shared_;  // reports on their way hold it weakly
  std::vector<std::unique_ptr<ObservationPoint>> points_;
};

}  // namespace dnsd
