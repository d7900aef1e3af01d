// From a plan to open sockets. A change is a draft first: draft() opens what is new beside what is
// open, and judge() decides what an error means. change() gives up a draft with a failure; follow()
// takes what can be had. commit() carries a draft out. Control thread. Which places there should be
// is decided in listener_plan, a socket is opened in listen_socket, and the words for an error are
// in bind_error.
#include "dnsd/listen/listeners.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>

#include "dnsd/listen/bind_error.hpp"

namespace dnsd {
namespace {

constexpr std::string_view waiting = "this host does not have the address: waiting for it";

/// How the log names a place.
std::string headline(const PlannedListener& plan) {
  return fmt::format("{} ({})", describe(plan.address), to_string(plan.view));
}

/// What is answered there. Only what strangers cannot reach is answered without a limit.
Listener listener_at(const BindAddress& address, View view) {
  return {.view = view, .is_rate_limited = view == View::public_view || is_exposed(address)};
}

/// Whether strangers cannot send through an interface that a socket was tied to: it is WireGuard's,
/// or it is gone, and the socket with it.
bool is_tunnel(const std::string& device, const HostAddresses& host) {
  if (device.empty()) return false;
  const auto& names = host.wireguard_interfaces;
  return std::find(names.begin(), names.end(), device) != names.end() ||
         std::none_of(host.addresses.begin(), host.addresses.end(),
                      [&](const auto& entry) { return entry.interface == device; });
}

HostAddresses sorted(HostAddresses host) {
  // IPv4 first, so that logs and the order of binding do not depend on the kernel's order.
  std::stable_sort(host.addresses.begin(), host.addresses.end(),
                   [](const auto& a, const auto& b) { return a.address < b.address; });
  return host;
}

}  // namespace

base::Expected<void, std::string> Listeners::change(std::vector<ListenAddress> wanted,
                                                    HostAddresses host) {
  if (wanted.empty()) wanted = default_listeners();
  host = sorted(std::move(host));
  Draft result = draft(wanted, host, {});
  if (!result.failure.empty()) return base::Unexpected(std::move(result.failure));
  wanted_ = std::move(wanted);
  for (Place& place : result.places) place.is_warned_of = false;
  commit(std::move(result), host);
  return {};
}

void Listeners::follow(HostAddresses host) {
  host = sorted(std::move(host));
  commit(draft(wanted_, host, refused_), host);
}

std::vector<ListenerStatus> Listeners::status() const {
  std::vector<ListenerStatus> result;
  for (const Place& place : places_) {
    result.push_back(
        {.address = describe(place.plan.address),
         .view = place.plan.view,
         .is_listening = place.id.has_value(),
         .is_missed = !place.id && place.plan.origin != PlannedListener::Origin::one_of_many,
         .is_exposed = place.id && exposure_warning(place.plan),
         .problem = place.problem});
  }
  return result;
}

/// Opens what is planned and not open yet. Where another server holds a part of a wildcard, the
/// plan changes, and the draft is made again.
Listeners::Draft Listeners::draft(const std::vector<ListenAddress>& wanted,
                                  const HostAddresses& host,
                                  std::set<base::Endpoint> refused) const {
  std::vector<std::string> remarks;
  for (;;) {
    Draft result = attempt(wanted, host, refused);
    if (result.to_refuse) {
      refused.insert(*result.to_refuse);
      remarks.push_back(std::move(result.remarks.back()));
      continue;
    }
    result.refused = std::move(refused);
    result.remarks.insert(result.remarks.begin(), remarks.begin(), remarks.end());
    return result;
  }
}

Listeners::Draft Listeners::attempt(const std::vector<ListenAddress>& wanted,
                                    const HostAddresses& host,
                                    const std::set<base::Endpoint>& refused) const {
  Draft result;
  for (PlannedListener plan : plan_listeners(wanted, host, refused)) {
    if (plan.view == View::private_view && plan.address.device.empty()) {
      const std::string device = inherited_.device_of(plan.address.endpoint);
      if (is_tunnel(device, host)) plan.address.device = device;
    }
    Place place{.plan = plan,
                .id = {},
                .opened = {},
                .problem = {},
                .is_warned_of = false,
                .shortcuts = {}};
    const auto same = std::find_if(places_.begin(), places_.end(), [&](const Place& other) {
      return other.id && other.plan.address == plan.address && other.plan.view == plan.view;
    });
    if (same != places_.end()) {
      place.id = same->id;
      place.is_warned_of = same->is_warned_of;
      place.shortcuts = same->shortcuts;
    } else if (plan.absent) {
      place.problem = waiting;
    } else if (const auto error = open(place, result.places)) {
      judge(*error, place, result);
      if (result.to_refuse) return result;
      if (place.problem.empty()) continue;  // nothing that could be waited for
    }
    result.places.push_back(std::move(place));
  }
  const auto may_answer = [](const Place& place) {
    return place.id || place.opened || place.plan.origin == PlannedListener::Origin::address;
  };
  if (result.failure.empty() &&
      std::none_of(result.places.begin(), result.places.end(), may_answer)) {
    result.failure =
        result.obstacle.empty() ? "this host has no address to listen on" : result.obstacle;
  }
  return result;
}

/// Decides what an error means for the place and for the draft.
void Listeners::judge(const BindError& error, Place& place, Draft& draft) {
  using Origin = PlannedListener::Origin;
  const BindAddress& address = place.plan.address;
  const bool is_wildcard = place.plan.origin == Origin::wildcard;
  if (error.is(EAFNOSUPPORT) || (error.is(EADDRNOTAVAIL) && is_wildcard)) {
    draft.remarks.push_back(fmt::format("{}: this host has no {}", describe(address),
                                        address.endpoint.address.is_ipv4() ? "IPv4" : "IPv6"));
    return;
  }
  if (error.is(EADDRNOTAVAIL)) {
    place.problem = waiting;
    return;
  }
  if (!error.is(EADDRINUSE)) {
    place.problem = explain_bind_error(address, error, std::nullopt);
    if (draft.failure.empty()) draft.failure = place.problem;
    return;
  }
  const auto holder = find_port_holder(error.transport, address.endpoint);
  if (is_wildcard) {
    draft.to_refuse = address.endpoint;
    draft.remarks.push_back(fmt::format(
        "cannot listen on {} as a whole ({}): listening on every other address of this host, and "
        "following changes",
        describe(address),
        holder ? fmt::format("{} holds {}", describe(*holder), holder->local.to_string())
               : "another program holds a part of it"));
    return;
  }
  place.problem = explain_bind_error(address, error, holder);
  std::string& where = place.plan.origin == Origin::address ? draft.failure : draft.obstacle;
  if (where.empty()) where = place.problem;
}

/// Opens the sockets of one place. \return why it cannot be done, or nullopt.
std::optional<BindError> Listeners::open(Place& place, const std::vector<Place>& others) const {
  const BindAddress& address = place.plan.address;
  const auto is_beside = [&](const Place& other) {
    return (other.id || other.opened) && overlap(other.plan.address.endpoint, address.endpoint);
  };
  const bool beside_own = inherited_.overlap(address.endpoint) ||
                          std::any_of(places_.begin(), places_.end(), is_beside) ||
                          std::any_of(others.begin(), others.end(), is_beside);
  auto sockets = inherited_.has(address.endpoint)
                     ? inherited_.open(address, threads_.count())
                     : open_listen_sockets(address, threads_.count(),
                                           beside_own ? Sharing::with_own : Sharing::exclusive);
  if (!sockets) return sockets.error();
  place.opened = std::move(*sockets);
  return std::nullopt;
}

/// The place with the same address, whichever interface it is tied to. \return nullptr: there is
/// none.
const Listeners::Place* Listeners::find_place(const std::vector<Place>& places,
                                              const BindAddress& address) {
  const auto found = std::find_if(places.begin(), places.end(), [&](const Place& place) {
    return place.plan.address.endpoint == address.endpoint &&
           place.plan.address.scope == address.scope;
  });
  return found == places.end() ? nullptr : &*found;
}

/// Carries out the draft, and logs what changes.
void Listeners::commit(Draft draft, const HostAddresses& host) {
  std::vector<BindAddress> bound;
  for (const Place& place : draft.places) {
    if (place.id || place.opened) bound.push_back(place.plan.address);
  }
  threads_.set_loop_guard(make_loop_guard(bound, host));
  const auto remarks = refused_ == draft.refused && !places_.empty() ? std::vector<std::string>()
                                                                     : std::move(draft.remarks);
  for (const std::string& remark : remarks) spdlog::info("{}", remark);
  for (Place& place : draft.places) {
    const Place* before = find_place(places_, place.plan.address);
    if (place.opened) {
      place.id =
          threads_.add(std::move(*place.opened), listener_at(place.plan.address, place.plan.view));
      place.opened.reset();
      spdlog::info("listening on {}", headline(place.plan));
    } else if (!place.id &&
               (before == nullptr || (!before->id && before->problem != place.problem))) {
      spdlog::warn("not listening on {}: {}", headline(place.plan), place.problem);
    }
  }
  for (const Place& old : places_) {
    if (!old.id) continue;
    const auto stays = std::any_of(draft.places.begin(), draft.places.end(),
                                   [&](const Place& place) { return place.id == old.id; });
    if (stays) continue;
    close(old);
    const Place* after = find_place(draft.places, old.plan.address);
    if (after != nullptr && !after->id) {
      spdlog::warn("no longer listening on {}: {}", headline(old.plan), after->problem);
    } else {
      spdlog::info("no longer listening on {}", headline(old.plan));
    }
  }
  places_ = std::move(draft.places);
  refused_ = std::move(draft.refused);
  std::vector<PlannedListener> planned;
  for (const Place& place : places_) planned.push_back(place.plan);
  for (Place& place : places_) {
    if (place.id && place.plan.origin == PlannedListener::Origin::wildcard)
      follow_shortcuts(place, host, planned);
    if (!place.id || place.is_warned_of) continue;
    if (const auto warning = exposure_warning(place.plan)) spdlog::warn("{}", *warning);
    place.is_warned_of = true;
  }
}

/// A shortcut that cannot be opened is left out without a word: the wildcard answers.
void Listeners::follow_shortcuts(Place& wildcard, const HostAddresses& host,
                                 std::span<const PlannedListener> planned) {
  // A socket of the service manager keeps its queue while we restart; a shortcut would divert
  // queries from it.
  if (inherited_.overlap(wildcard.plan.address.endpoint)) return;
  const auto addresses = plan_shortcuts(wildcard.plan.address, host, planned);
  std::erase_if(wildcard.shortcuts, [&](const auto& shortcut) {
    const bool is_gone =
        std::find(addresses.begin(), addresses.end(), shortcut.first) == addresses.end();
    if (is_gone) threads_.remove(shortcut.second);
    return is_gone;
  });
  for (const BindAddress& address : addresses) {
    const auto is_open = [&](const auto& shortcut) { return shortcut.first == address; };
    if (std::any_of(wildcard.shortcuts.begin(), wildcard.shortcuts.end(), is_open)) continue;
    auto sockets = open_udp_sockets(address, threads_.count(), Sharing::with_own);
    if (!sockets) continue;
    wildcard.shortcuts.emplace_back(
        address, threads_.add(std::move(*sockets), listener_at(address, wildcard.plan.view)));
  }
}

void Listeners::close(const Place& place) {
  threads_.remove(*place.id);
  for (const auto& [address, id] : place.shortcuts) threads_.remove(id);
}

}  // namespace dnsd
