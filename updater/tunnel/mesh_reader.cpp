#include "updater/tunnel/mesh_reader.hpp"

#include <utility>

#include "dns/query.hpp"
#include "schema/owner_name.hpp"

namespace updater {
namespace {

/// The longest answer of a server inside the tunnel, where there is no TCP (doc/protocol.md §3).
constexpr std::uint16_t max_list_answer = 16384;

}  // namespace

struct MeshReader::Reading {
  base::Endpoint server;
  Select select;
  Done done;
  MeshList list = {};
  std::size_t awaited = 0;  ///< answers that have not come yet
  std::optional<LookupError> error = {};
};

bool MeshReader::read(const base::Endpoint& server, Select select, Done done) {
  if (reading_) return false;
  reading_ = std::make_shared<Reading>(Reading{server, std::move(select), std::move(done)});
  auto message =
      dns::write_query(dns::random_id(), mesh_list_name(zone_), dns::RrType::ptr, max_list_answer);
  client_.exchange(server, std::move(message),
                   [this, reading = reading_](const PrivateClient::Result& reply) {
                     if (!reply) {
                       reading->error = reply.error();
                       return end(reading);
                     }
                     const auto listed = parse_mesh_list(*reply, zone_);
                     if (!listed) {
                       reading->error = listed.error();
                       return end(reading);
                     }
                     ask_peers(reading, reading->select(*listed));
                   });
  return true;
}

void MeshReader::ask_peers(const std::shared_ptr<Reading>& reading,
                           const MeshQuestions& questions) {
  reading->awaited = questions.listed.size() + questions.missing.size();
  if (reading->awaited == 0) return end(reading);
  for (const wg::PublicKey& peer : questions.listed) ask_peer(reading, peer, true);
  for (const wg::PublicKey& peer : questions.missing) ask_peer(reading, peer, false);
}

void MeshReader::ask_peer(const std::shared_ptr<Reading>& reading, const wg::PublicKey& peer,
                          bool is_listed) {
  auto message = dns::write_query(dns::random_id(), schema::instance_name(peer, zone_),
                                  dns::RrType::txt, max_list_answer);
  client_.exchange(reading->server, std::move(message),
                   [this, reading, peer, is_listed](const PrivateClient::Result& reply) {
                     if (!reply) {
                       reading->error = reply.error();
                     } else if (auto told = parse_mesh_peer(*reply, peer, zone_); !told) {
                       reading->error = told.error();
                     } else if (!*told) {
                       reading->list.unknown.insert(peer);
                     } else if (is_listed) {
                       reading->list.peers.push_back(**std::move(told));
                     }
                     if (--reading->awaited == 0) end(reading);
                   });
}

void MeshReader::end(const std::shared_ptr<Reading>& reading) {
  reading_.reset();
  if (reading->error) {
    reading->done(base::Unexpected(*reading->error));
  } else {
    reading->done(std::move(reading->list));
  }
}

}  // namespace updater
