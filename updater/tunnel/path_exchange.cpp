#include "updater/tunnel/path_exchange.hpp"

#include <spdlog/spdlog.h>

#include <cstdint>
#include <utility>

#include "dns/query.hpp"

namespace updater {

PathExchange::PathExchange(PrivateClient& client, const dns::Name& zone, Look look)
    : client_(client), zone_(zone), look_(std::move(look)), random_(std::random_device()()) {}

void PathExchange::follow(base::SteadyTime now, const std::optional<wg::PublicKey>& key,
                          const std::optional<base::Endpoint>& server) {
  if (key_ != key || server_ != server) {
    teller_.forget();
    ++generation_;
  }
  key_ = key;
  server_ = server;
  if (!server_ || !key_ || !teller_.is_due(now)) return;
  const auto edits = teller_.tell_if_due(now, look_(), random_);
  if (!edits.empty()) tell(edits);
}

void PathExchange::tell(const std::vector<schema::PathEdit>& edits) {
  const std::uint16_t id = dns::random_id();
  client_.exchange(*server_, schema::write_path_update(id, zone_, *key_, edits),
                   [this, id, generation = generation_](const PrivateClient::Result& reply) {
                     if (generation != generation_) return;
                     teller_.learn(base::read_steady(), read_update_rcode(reply, id, zone_),
                                   random_);
                     const auto& trouble = teller_.trouble();
                     if (trouble && trouble != told_trouble_)
                       spdlog::debug("the ways to other peers are not told: {}: {}",
                                     server_->to_string(), *trouble);
                     if (!trouble) spdlog::debug("the ways to other peers were told");
                     told_trouble_ = trouble;
                   });
}

}  // namespace updater
