#include "updater/tunnel/lan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "schema/owner_name.hpp"
#include "updater/plan/plan.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::milliseconds;

/// The server forgets an announcement after 300 s, so two renewals may be lost.
constexpr milliseconds renewal_interval = 100s;
constexpr std::array<milliseconds, 5> back_off = {2s, 5s, 15s, 30s, 60s};
/// How often a peer is asked that is probably behind another NAT.
constexpr auto far_interval = 60s;

bool is_in_tunnel(const base::IpAddress& address, const wg::Device& device,
                  std::span<const base::InterfaceAddress> host) {
  for (const wg::DevicePeer& peer : device.peers) {
    for (const base::Prefix& prefix : peer.allowed_ips) {
      // 0.0.0.0/0, ::/0 and their halves are default routes, not the network of the tunnel.
      if (prefix.length() > 1 && prefix.contains(address)) return true;
    }
  }
  return std::any_of(host.begin(), host.end(), [&](const base::InterfaceAddress& own) {
    const auto network = base::Prefix::make(own.address, own.prefix_length);
    return own.interface == device.name && network && network->contains(address);
  });
}

}  // namespace

schema::LanEndpoints find_own_lan_endpoints(const wg::Device& device,
                                            std::span<const base::InterfaceAddress> host) {
  schema::LanEndpoints endpoints;
  for (const auto wanted : {base::AddressScope::private_use, base::AddressScope::global}) {
    for (const base::InterfaceAddress& own : host) {
      const base::Endpoint endpoint{own.address, device.listen_port};
      if (!own.is_up || own.address.scope() != wanted || own.interface == device.name ||
          !schema::is_lan_endpoint(endpoint) || is_in_tunnel(own.address, device, host))
        continue;
      const bool is_known =
          std::find(endpoints.begin(), endpoints.end(), endpoint) != endpoints.end();
      if (!is_known && endpoints.size() < schema::max_lan_endpoints) endpoints.push_back(endpoint);
    }
  }
  return endpoints;
}

std::optional<unsigned> find_link(const base::IpAddress& address, const std::string& tunnel,
                                  std::span<const base::InterfaceAddress> host) {
  for (const base::InterfaceAddress& own : host) {
    const auto network = base::Prefix::make(own.address, own.prefix_length);
    if (own.is_up && own.interface != tunnel && network && !network->is_host() &&
        network->contains(address))
      return own.interface_index;
  }
  return std::nullopt;
}

std::optional<std::string> refuse_lan_endpoint(const base::Endpoint& endpoint,
                                               const wg::Device& device,
                                               std::span<const base::InterfaceAddress> host,
                                               std::span<const base::IpAddress> hubs) {
  const base::IpAddress& address = endpoint.address;
  if (!schema::is_lan_endpoint(endpoint)) return "no network of a peer has such an address";
  if (is_in_tunnel(address, device, host)) return "it is an address of the tunnel";
  if (std::find(hubs.begin(), hubs.end(), address) != hubs.end())
    return "it is the public host's address";
  if (address.scope() == base::AddressScope::global && !find_link(address, device.name, host))
    return "it is public, and on no link of this host";
  return std::nullopt;
}

base::Expected<schema::LanEndpoints, LookupError> parse_lan_answer(base::Bytes packet,
                                                                   const wg::PublicKey& peer,
                                                                   const dns::Name& zone) {
  const dns::Name owner = schema::lan_name(peer, zone);
  const auto reply = dns::parse_reply(packet, owner, dns::RrType::txt);
  if (!reply || reply->truncated) return base::Unexpected(LookupError::malformed);
  switch (reply->rcode) {
    case dns::Rcode::noerror:
      break;
    case dns::Rcode::nxdomain:
      return base::Unexpected(LookupError::no_such_name);
    case dns::Rcode::refused:
      return base::Unexpected(LookupError::refused);
    default:
      return base::Unexpected(LookupError::server_failure);
  }
  if (reply->answer.empty()) return base::Unexpected(LookupError::no_endpoint);
  const dns::ReplyRecord& record = reply->answer.front();
  if (record.owner != owner || record.type != dns::RrType::txt)
    return base::Unexpected(LookupError::foreign);
  auto endpoints = schema::parse_lan_strings(std::get<dns::TxtRecord>(record.data).strings);
  if (!endpoints || reply->answer.size() > 1) return base::Unexpected(LookupError::malformed);
  return *std::move(endpoints);
}

bool LanView::ask_if_due(SteadyTime now, bool may_be_near) {
  if (pending_ || (!may_be_near && asked_ && now - *asked_ < far_interval)) return false;
  pending_ = true;
  asked_ = now;
  return true;
}

bool LanView::learn(const LanResult& result) {
  pending_ = false;
  const bool was_refused = refused_;
  refused_ = false;
  if (!result.candidates) {
    const LookupError error = result.candidates.error();
    may_come_ = error == LookupError::no_such_name || error == LookupError::no_endpoint;
    if (may_come_) candidates_.clear();
    refused_ = error == LookupError::malformed || error == LookupError::foreign;
    return refused_ && !was_refused;
  }
  may_come_ = false;
  for (const LanCandidate& candidate : *result.candidates) {
    const bool is_known =
        std::find(candidates_.begin(), candidates_.end(), candidate) != candidates_.end();
    news_ = news_ || (candidate.answers && !is_known);
  }
  candidates_ = *result.candidates;
  return false;
}

bool LanView::take_news() {
  return std::exchange(news_, false);
}

bool LanView::has_told(const base::Endpoint& endpoint) const {
  return std::any_of(candidates_.begin(), candidates_.end(),
                     [&](const LanCandidate& candidate) { return candidate.endpoint == endpoint; });
}

std::optional<schema::LanEndpoints> LanAnnouncer::announce_if_due(SteadyTime now,
                                                                  const schema::LanEndpoints& own) {
  if (pending_) return std::nullopt;
  const bool is_nothing = own.empty() && !sent_;
  const bool is_change = sent_ != own;
  const bool is_due = is_change || now >= next_;
  // The server has taken the withdrawal.
  const bool is_done = own.empty() && told_ == own;
  if (is_nothing || is_done || !is_due) return std::nullopt;
  pending_ = true;
  sent_ = own;
  return own;
}

void LanAnnouncer::learn(SteadyTime now, const base::Expected<dns::Rcode, LookupError>& rcode,
                         std::minstd_rand& random) {
  pending_ = false;
  if (rcode && *rcode == dns::Rcode::noerror) {
    told_ = sent_;
    failures_ = 0;
    was_taken_ = true;
    trouble_.reset();
    next_ = now + jittered(renewal_interval, random);
    return;
  }
  trouble_ = rcode ? fmt::format("it answers {}", dns::to_string(*rcode))
                   : std::string(to_string(rcode.error()));
  next_ =
      now + jittered(back_off.at(std::min<std::size_t>(failures_, back_off.size() - 1)), random);
  ++failures_;
}

void LanAnnouncer::forget() {
  *this = LanAnnouncer();
}

}  // namespace updater
