#include "updater/tunnel/lan_exchange.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/neighbour.hpp"
#include "dns/query.hpp"
#include "schema/owner_name.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;

/// A present neighbour answers within milliseconds. The kernel asks three times, 1 s apart.
constexpr auto neighbour_patience = 1200ms;
constexpr auto neighbour_interval = 20ms;

std::string describe(const schema::LanEndpoints& endpoints) {
  std::string text;
  for (const base::Endpoint& endpoint : endpoints)
    text += (text.empty() ? "" : ", ") + endpoint.to_string();
  return text.empty() ? "none" : text;
}

}  // namespace

LanExchange::LanExchange(asio::io_context& context, PrivateClient& client, const dns::Name& zone,
                         bool is_promised, Done done)
    : client_(client),
      zone_(zone),
      done_(std::move(done)),
      timer_(context),
      random_(std::random_device()()),
      is_promised_(is_promised) {}

void LanExchange::follow(const base::Now& now, const wg::Device& device,
                         std::span<const base::InterfaceAddress> host,
                         const std::optional<base::Endpoint>& server) {
  if (key_ != device.public_key || server_ != server) announcer_.forget();
  tunnel_ = device.name;
  key_ = device.public_key;
  host_.assign(host.begin(), host.end());
  server_ = server;
  if (!server_ || !key_) return;
  const auto due = announcer_.announce_if_due(now.steady, find_own_lan_endpoints(device, host));
  if (due) announce(*due);
}

void LanExchange::announce(const schema::LanEndpoints& own) {
  const std::uint16_t id = dns::random_id();
  client_.exchange(
      *server_, schema::write_lan_update(id, zone_, *key_, own),
      [this, id, own](const PrivateClient::Result& reply) {
        announcer_.learn(base::read_steady(), read_update_rcode(reply, id, zone_), random_);
        const auto& trouble = announcer_.trouble();
        if (trouble && !told_trouble_)
          spdlog::log(
              is_promised_ || announcer_.was_taken() ? spdlog::level::warn : spdlog::level::debug,
              "the other peers are not told this host's LAN addresses: {}: {} (an observation "
              "point of wg-dnsd answers there; `private-server: none` switches this off)",
              server_ ? server_->to_string() : "the hub", *trouble);
        if (!trouble) spdlog::debug("LAN addresses announced: {}", describe(own));
        told_trouble_ = trouble;
      });
}

void LanExchange::ask(const wg::PublicKey& peer, schema::LanEndpoints written) {
  if (!server_) {
    asio::post(timer_.get_executor(), [this, peer, written = std::move(written)] {
      learn(peer, written, base::Unexpected(LookupError::unreachable));
    });
    return;
  }
  auto message = dns::write_query(dns::random_id(), schema::lan_name(peer, zone_), dns::RrType::txt,
                                  max_reply_octets);
  client_.exchange(
      *server_, std::move(message),
      [this, peer, written = std::move(written)](const PrivateClient::Result& reply) {
        learn(peer, written,
              reply ? parse_lan_answer(*reply, peer, zone_) : base::Unexpected(reply.error()));
      });
}

void LanExchange::learn(const wg::PublicKey& peer, const schema::LanEndpoints& written,
                        const base::Expected<schema::LanEndpoints, LookupError>& told) {
  schema::LanEndpoints all = written;
  if (told) {
    for (const base::Endpoint& endpoint : *told) {
      if (all.size() < schema::max_lan_endpoints &&
          std::find(all.begin(), all.end(), endpoint) == all.end())
        all.push_back(endpoint);
    }
  }
  if (all.empty()) return done_({peer, base::Unexpected(told.error())});
  Check check{peer, {}, base::read_steady() + neighbour_patience};
  for (const base::Endpoint& endpoint : all) {
    const auto link = find_link(endpoint.address, tunnel_, host_);
    const bool is_asked = link && base::ask_neighbour(endpoint.address, *link);
    check.items.push_back({{endpoint, false}, is_asked ? link : std::nullopt});
  }
  checks_.push_back(std::move(check));
  wait_for_neighbours();
}

void LanExchange::wait_for_neighbours() {
  timer_.expires_after(neighbour_interval);
  timer_.async_wait([this](const std::error_code& ec) {
    if (!ec) look_at_neighbours();
  });
}

void LanExchange::look_at_neighbours() {
  const auto now = base::read_steady();
  std::vector<Check> over;
  for (Check& check : checks_) {
    for (Check::Item& item : check.items) {
      if (!item.link) continue;
      const auto state = base::read_neighbour(item.candidate.endpoint.address, *item.link);
      if (state && *state == base::NeighbourState::asked) continue;
      item.candidate.answers = state && *state == base::NeighbourState::answered;
      item.link.reset();
    }
  }
  const auto is_open = [&](const Check& check) {
    return now < check.until && std::any_of(check.items.begin(), check.items.end(),
                                            [](const auto& item) { return item.link; });
  };
  const auto middle = std::stable_partition(checks_.begin(), checks_.end(), is_open);
  over.assign(std::make_move_iterator(middle), std::make_move_iterator(checks_.end()));
  checks_.erase(middle, checks_.end());
  if (!checks_.empty()) wait_for_neighbours();
  for (const Check& check : over) {
    std::vector<LanCandidate> candidates;
    for (const Check::Item& item : check.items) candidates.push_back(item.candidate);
    done_({check.peer, std::move(candidates)});
  }
}

}  // namespace updater
