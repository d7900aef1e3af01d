#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ip_address.hpp"
#include "control/diagnosis.hpp"
#include "dns/outside.hpp"
#include "dnsd/report/doctor_facts.hpp"

/// What the checks of `wg-dnsd doctor` have in common: what they look at, and what they find.
namespace dnsd {

using control::Diagnosis;
using Addresses = std::vector<base::IpAddress>;

/// What a check looks at. Borrowed during the checks.
struct Examined {
  const dns::Name& zone;
  const std::optional<DoctorFacts>& facts;  ///< none: only what others see is judged
  dns::Outside& outside;
};

/// What the checks found, in the order in which it is printed.
class Findings {
 public:
  using Level = Diagnosis::Level;

  /// \param check one word. \param remedy what the operator can do; empty: nothing
  void say(Level level, std::string check, std::string text, std::string remedy = {}) {
    diagnoses_.push_back({level, std::move(check), std::move(text), std::move(remedy)});
  }
  /// Says that a check found nothing wrong, unless something was said since there were `before`.
  void say_ok_since(std::size_t before, std::string check, std::string text) {
    if (count() == before) say(Level::ok, std::move(check), std::move(text));
  }
  [[nodiscard]] std::size_t count() const { return diagnoses_.size(); }
  [[nodiscard]] std::vector<Diagnosis> take() { return std::move(diagnoses_); }

 private:
  std::vector<Diagnosis> diagnoses_;
};

/// Adds an address that is not there yet.
void add_address(Addresses& addresses, const base::IpAddress& address);

/// \return nullptr: there is none of that owner. Borrowed from `records`.
[[nodiscard]] const dns::SoaRecord* find_soa(const std::vector<dns::ReplyRecord>& records,
                                             const dns::Name& owner);

}  // namespace dnsd
