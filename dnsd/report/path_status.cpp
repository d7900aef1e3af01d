#include "dnsd/report/path_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "control/form.hpp"

namespace dnsd {
namespace {

using Json = nlohmann::ordered_json;

std::string describe(const ToldWay& told) {
  const std::string who = told.name.empty() ? told.key.to_short() : told.name;
  std::string text = fmt::format("{} {}", who, schema::to_string(told.way));
  if (told.rtt) text += fmt::format(" {} ms", *told.rtt);
  if (told.differs()) text += fmt::format(" ({}: {})", who, schema::to_string(*told.way_back));
  return text;
}

}  // namespace

std::string ways_text(std::span<const ToldWay> ways) {
  std::vector<const ToldWay*> order;
  for (const ToldWay& told : ways) order.push_back(&told);
  std::stable_partition(order.begin(), order.end(),
                        [](const ToldWay* told) { return told->differs(); });
  std::string text;
  for (const ToldWay* told : std::span(order).first(std::min(order.size(), max_ways_shown)))
    text += (text.empty() ? "ways: " : ", ") + describe(*told);
  if (order.size() > max_ways_shown)
    text += fmt::format(", and to {} others", order.size() - max_ways_shown);
  return text;
}

Json ways_json(std::span<const ToldWay> ways) {
  Json list = Json::array();
  for (const ToldWay& told : ways)
    list.push_back(
        {{"public_key", told.key.to_base64()},
         {"name", control::text_or_null(told.name)},
         {"way", schema::to_string(told.way)},
         {"round_trip_milliseconds", told.rtt ? Json(*told.rtt) : Json(nullptr)},
         {"way_back", told.way_back ? Json(schema::to_string(*told.way_back)) : Json(nullptr)}});
  return list;
}

}  // namespace dnsd
