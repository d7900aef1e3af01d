#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "dns/server_question.hpp"
#include "dnsd/doctor_facts.hpp"

/// `wg-dnsd doctor`: whether the world finds this server, and what to do where it does not. Pure:
/// what is outside is asked through an interface.
namespace dnsd {

struct Diagnosis {
  enum class Level : std::uint8_t {
    ok,
    note,     ///< may well be as it should be
    warning,  ///< works for some, or not as well as it could
    problem,  ///< does not work
  };
  Level level{};
  std::string check;   ///< one word: delegation
  std::string text;    ///< one line: what was seen
  std::string remedy;  ///< one line: what to do; empty when the level is ok
};

/// The way out.
class Outside {
 public:
  Outside() = default;
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  virtual ~Outside() = default;

  /// Through the system's resolver.
  [[nodiscard]] virtual base::Expected<dns::Reply, dns::ResolverError> resolve(
      const dns::Name& name, dns::RrType type) = 0;
  /// Past it, on port 53.
  [[nodiscard]] virtual base::Expected<dns::Reply, dns::ServerError> ask(
      const base::IpAddress& server, dns::ServerTransport transport, const dns::Name& name,
      dns::RrType type) = 0;
};

/// \param facts none: no daemon of this host is asked about, and what others see is judged alone.
[[nodiscard]] std::vector<Diagnosis> examine(const dns::Name& zone,
                                             const std::optional<DoctorFacts>& facts,
                                             Outside& outside);

/// 0: nothing worse than a note; 1: a warning; 2: a problem.
[[nodiscard]] int exit_code(const std::vector<Diagnosis>& diagnoses);
/// One line for each diagnosis, with its remedy below. \param delegation for the parent zone;
/// empty: not known.
[[nodiscard]] std::string diagnoses_text(const std::vector<Diagnosis>& diagnoses,
                                         const std::string& delegation);
/// One object on one line.
[[nodiscard]] std::string diagnoses_json(const std::vector<Diagnosis>& diagnoses,
                                         const std::string& delegation);

}  // namespace dnsd
