#include "updater/report/doctor_names.hpp"

#include <variant>

#include "dns/server_address.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_text.hpp"
#include "updater/tunnel/tunnel_address.hpp"

namespace updater {
namespace {

constexpr std::size_t max_asked = 20;

/// Empty: the reply gives this peer no name.
std::string find_name(const dns::Reply& reply, const wg::PublicKey& key) {
  for (const dns::ReplyRecord& record : reply.answer) {
    const auto* strings = std::get_if<dns::TxtRecord>(&record.data);
    const auto text = strings != nullptr ? schema::parse_peer_text(strings->strings) : std::nullopt;
    if (text && text->public_key == key) return text->name;
  }
  return {};
}

}  // namespace

std::optional<base::IpAddress> find_private_address(const DoctorFacts& facts) {
  const auto& configured = facts.daemon.private_server;
  const auto server =
      configured ? configured : find_private_server(facts.device, facts.daemon.hubs, facts.host);
  if (!server || server->port != dns::dns_port) return std::nullopt;
  return server->address;
}

void learn_names(DoctorFacts& facts, dns::Outside& outside) {
  const auto server = find_private_address(facts);
  if (!server) return;
  std::size_t asked = 0;
  for (const wg::DevicePeer& peer : facts.device.peers) {
    const wg::PublicKey& key = peer.public_key;
    if (facts.daemon.names.contains(key)) continue;
    if (++asked > max_asked) return;
    const auto reply = outside.ask(*server, dns::Transport::udp,
                                   schema::service_name(key, facts.daemon.zone), dns::RrType::txt);
    if (!reply) return;
    if (std::string name = find_name(*reply, key); !name.empty())
      facts.daemon.names.emplace(key, std::move(name));
  }
}

}  // namespace updater
