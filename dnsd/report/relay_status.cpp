#include "dnsd/report/relay_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "control/form.hpp"
#include "dnsd/settings/option_values.hpp"

namespace dnsd {
namespace {

using Json = nlohmann::ordered_json;

struct Reason {
  const char* word;
  std::uint64_t RelayCounters::*count;
};
/// Why datagrams were not passed on.
constexpr std::array<Reason, 15> reasons{
    {{"for nobody", &RelayCounters::no_recipient},
     {"not there", &RelayCounters::no_place},
     {"from elsewhere", &RelayCounters::unknown_place},
     {"too many searches", &RelayCounters::searched_too_much},
     {"too many handshakes", &RelayCounters::too_many_initiations},
     {"too many cookies", &RelayCounters::too_many_cookies},
     {"crossing", &RelayCounters::crossing},
     {"same index", &RelayCounters::collision},
     {"wrong mac1", &RelayCounters::wrong_mac},
     {"unconfirmed", &RelayCounters::unconfirmed},
     {"not adopted", &RelayCounters::unadopted},
     {"paused", &RelayCounters::paused},
     {"no room", &RelayCounters::table_full},
     {"relay-rate", &RelayCounters::over_rate},
     {"relay-total", &RelayCounters::over_total}}};

/// Each pair is there in both directions.
std::size_t count_pairs(const RelayReport& report) {
  return report.pairs.size() / 2;
}

}  // namespace

std::string relay_text(const std::optional<RelayReport>& report) {
  if (!report) return "off";
  const RelayCounters& counters = report->counters;
  std::string dropped;
  for (const Reason& reason : reasons) {
    if (counters.*reason.count > 0)
      dropped += fmt::format("{}{} {}", dropped.empty() ? "; dropped: " : ", ",
                             counters.*reason.count, reason.word);
  }
  return fmt::format(
      "{} pairs, {} packets, {} octets, {} cookies, {} asked back, {} adopted, {} pauses; "
      "relay-rate {}, "
      "relay-total {}{}",
      count_pairs(*report), counters.packets, counters.octets, counters.cookies, counters.ask_backs,
      counters.adopted, counters.pauses, write_bit_rate(report->rates.sender),
      write_bit_rate(report->rates.total), dropped);
}

Json relay_json(const std::optional<RelayReport>& report) {
  if (!report) return nullptr;
  const RelayCounters& counters = report->counters;
  Json dropped = Json::object();
  for (const Reason& reason : reasons)
    dropped[control::to_member_name(reason.word)] = counters.*reason.count;
  return {{"rate_bits_per_second", report->rates.sender},
          {"total_bits_per_second", report->rates.total},
          {"pairs", count_pairs(*report)},
          {"packets", counters.packets},
          {"octets", counters.octets},
          {"cookies", counters.cookies},
          {"asked_back", counters.ask_backs},
          {"adopted", counters.adopted},
          {"pauses", counters.pauses},
          {"dropped", dropped}};
}

std::string relayed_text(std::span<const RelayedTo> relayed) {
  std::string text;
  for (const RelayedTo& to : relayed.first(std::min(relayed.size(), max_relayed_shown))) {
    text += fmt::format("{} {} packets, {} octets to {}", text.empty() ? "relayed" : ",",
                        to.packets, to.octets, wg::describe_peer(to.name, to.key));
  }
  if (relayed.size() > max_relayed_shown)
    text += fmt::format(", and to {} others", relayed.size() - max_relayed_shown);
  return text;
}

Json relayed_json(std::span<const RelayedTo> relayed) {
  Json list = Json::array();
  for (const RelayedTo& to : relayed)
    list.push_back({{"public_key", to.key.to_base64()},
                    {"name", control::text_or_null(to.name)},
                    {"packets", to.packets},
                    {"octets", to.octets}});
  return list;
}

}  // namespace dnsd
