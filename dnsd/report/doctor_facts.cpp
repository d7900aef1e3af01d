#include "dnsd/report/doctor_facts.hpp"

#include <nlohmann/json.hpp>

#include "control/to_line.hpp"

namespace dnsd {
namespace {

using Json = nlohmann::json;

dns::Name to_name(const Json& json) {
  const auto name = dns::Name::parse(json.get<std::string>());
  return name ? *name : dns::Name();
}

DoctorFacts::Server to_server(const Json& json) {
  DoctorFacts::Server server{to_name(json.at("name")), {}};
  for (const Json& one : json.at("addresses")) {
    const auto address = base::IpAddress::parse(one.at("address").get<std::string>());
    if (!address) continue;
    server.addresses.push_back(
        {*address, one.at("on_host").get<bool>(), one.at("listened").get<bool>()});
  }
  return server;
}

DoctorFacts to_facts(const Json& json) {
  DoctorFacts facts;
  facts.zone = to_name(json.at("zone"));
  facts.serial = json.at("serial").get<std::uint32_t>();
  facts.state = json.at("state").get<int>();
  facts.problems = json.at("problems").get<std::vector<std::string>>();
  facts.delegation = json.at("delegation").get<std::string>();
  facts.advice = json.at("advice").get<std::vector<std::string>>();
  for (const Json& one : json.at("servers")) facts.servers.push_back(to_server(one));
  facts.exposed = json.at("exposed").get<std::vector<std::string>>();
  facts.probe = json.value("probe", "");
  const Json& peers = json.at("peers");
  facts.registered = peers.at("registered").get<std::size_t>();
  facts.heard = peers.at("heard").get<std::size_t>();
  facts.never_seen = peers.at("never_seen").get<std::size_t>();
  facts.hinted = peers.at("hinted").get<std::size_t>();
  facts.stale = peers.at("stale").get<std::size_t>();
  facts.silent_count = peers.at("silent").get<std::size_t>();
  for (const Json& one : peers.at("silent_peers")) {
    facts.silent_peers.push_back(
        {one.at("peer").get<std::string>(), one.at("endpoint").get<std::string>(),
         one.at("source").get<std::string>(), one.at("seconds").get<std::int64_t>()});
  }
  return facts;
}

}  // namespace

std::string write_doctor_facts(const DoctorFacts& facts) {
  Json servers = Json::array();
  for (const DoctorFacts::Server& server : facts.servers) {
    Json addresses = Json::array();
    for (const DoctorFacts::Address& one : server.addresses) {
      addresses.push_back({{"address", one.address.to_string()},
                           {"on_host", one.is_on_host},
                           {"listened", one.is_listened}});
    }
    servers.push_back({{"name", server.name.to_string()}, {"addresses", addresses}});
  }
  Json silent = Json::array();
  for (const DoctorFacts::SilentPeer& one : facts.silent_peers) {
    silent.push_back({{"peer", one.peer},
                      {"endpoint", one.endpoint},
                      {"source", one.source},
                      {"seconds", one.seconds}});
  }
  const Json json{{"zone", facts.zone.to_string()},
                  {"serial", facts.serial},
                  {"state", facts.state},
                  {"problems", facts.problems},
                  {"delegation", facts.delegation},
                  {"advice", facts.advice},
                  {"servers", servers},
                  {"exposed", facts.exposed},
                  {"probe", facts.probe},
                  {"peers",
                   {{"registered", facts.registered},
                    {"heard", facts.heard},
                    {"never_seen", facts.never_seen},
                    {"hinted", facts.hinted},
                    {"stale", facts.stale},
                    {"silent", facts.silent_count},
                    {"silent_peers", silent}}}};
  return control::to_line(json);
}

base::Expected<DoctorFacts, std::string> parse_doctor_facts(std::string_view text) {
  // The library says what is missing or of another type by throwing.
  try {
    return to_facts(Json::parse(text));
  } catch (const Json::exception& error) {
    return base::Unexpected(std::string("the daemon's facts are not understood: ") + error.what());
  }
}

}  // namespace dnsd
