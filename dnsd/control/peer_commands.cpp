#include "dnsd/control/peer_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/form.hpp"
#include "dnsd/control/added_peers.hpp"
#include "dnsd/control/free_address.hpp"
#include "dnsd/control/peer_file.hpp"
#include "dnsd/control/qr_text.hpp"
#include "dnsd/host/host_addresses.hpp"
#include "noise/key_file.hpp"
#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

constexpr int exit_refused = 1;
constexpr int exit_usage = 2;

control::Reply refuse(int exit, std::string why) {
  return {.text = {}, .result = {.exit = exit, .error = std::move(why)}};
}

/// Done, and something else is wrong.
control::Reply tell(const char* done, const std::string& problem) {
  return {.text = {}, .result = {.exit = 0, .error = fmt::format("{}: {}", done, problem)}};
}

/// Finds a peer by its name, in any case, or by its public key. \return nullptr: there is none
const ConfiguredPeer* find_peer(const Config& config, const std::string& who) {
  const auto key = wg::PublicKey::parse(who);
  const auto found =
      std::find_if(config.peers.begin(), config.peers.end(), [&](const ConfiguredPeer& peer) {
        if (key) return peer.public_key == *key;
        return !peer.name.empty() && base::equals_ignoring_case(peer.name, who);
      });
  return found == config.peers.end() ? nullptr : &*found;
}

control::Reply refuse_unknown(const std::string& who) {
  return refuse(exit_refused,
                fmt::format("no peer '{}' is configured: give its name or its public key; see "
                            "wg-dnsd peer list",
                            who));
}

std::vector<std::string> to_texts(const std::vector<base::Prefix>& prefixes) {
  std::vector<std::string> texts;
  for (const base::Prefix& prefix : prefixes) texts.push_back(prefix.to_string());
  return texts;
}

control::Reply list_keys(const CommandContext& context) {
  if (context.observatory.points().opened().empty())
    return refuse(exit_refused, "no built-in point is configured: see --observe");
  control::Reply reply;
  for (const ObservationPoint* point : context.observatory.points().opened())
    reply.text += fmt::format("{} {}\n", point->public_key().to_base64(),
                              point->settings().listen.to_string());
  return reply;
}

control::Reply print_config(const std::string& who, const CommandContext& context) {
  const ConfiguredPeer* const peer = find_peer(context.config, who);
  if (peer == nullptr) return refuse_unknown(who);
  auto sections = write_hub_sections(context, peer->preshared_key.has_value());
  if (!sections) return refuse(exit_refused, std::move(sections.error()));
  return {.text = *std::move(sections)};
}

/// Why no peer may have this name; nullopt: one may.
std::optional<std::string> check_name(const std::string& name, const Config& config) {
  if (const auto wrong = schema::check_peer_label(name))
    return fmt::format("the name '{}' {}", name, *wrong);
  if (base::equals_ignoring_case(name, config.tunnel_label))
    return fmt::format(
        "the name '{}' is the label of the addresses inside the tunnel "
        "(tunnel-label); choose another one",
        name);
  return std::nullopt;
}

/// Reads the words of `peer add`. \return what is wrong with them; nullopt: nothing
std::optional<std::string> read_words(const ControlRequest& request, const Config& config,
                                      ConfiguredPeer& peer) {
  const auto key = wg::PublicKey::parse(request.key);
  if (!key || key->is_zero())
    return fmt::format("'{}' is not a public key: 44 characters, as `wg pubkey` prints them",
                       request.key);
  peer.public_key = *key;
  if (auto wrong = check_name(request.name, config)) return wrong;
  peer.name = request.name;
  for (const std::string& text : request.allowed_ips) {
    const auto prefix = base::Prefix::parse(text);
    if (!prefix) return fmt::format("'{}' is not ADDRESS or ADDRESS/LENGTH", text);
    peer.allowed_ips.push_back(*prefix);
  }
  if (request.preshared_key_file.empty()) return std::nullopt;
  auto psk = noise::read_preshared_key(request.preshared_key_file);
  if (!psk) return psk.error();
  peer.preshared_key = *psk;
  return std::nullopt;
}

/// \param done the reply when the peer is registered
control::Reply register_peer(const ConfiguredPeer& peer, control::Reply done,
                             const CommandContext& context) {
  const std::string file = added_peers_file(context.config);
  if (const auto added = append_peer(file, peer); !added)
    return refuse(exit_refused, added.error());
  auto problem = context.reload();
  if (!problem) return done;
  // The reload may have done this, and failed at something else.
  if (find_peer(context.config, peer.public_key.to_base64()) != nullptr) {
    done.result = tell("added, but", *problem).result;
    return done;
  }
  (void)erase_peer(file, peer.public_key);
  return refuse(exit_refused, std::move(*problem));
}

control::Reply refuse_known(const std::string& who) {
  return refuse(exit_refused, fmt::format("there is a peer '{}' already", who));
}

/// The peer that has this block of addresses inside the tunnel; nullopt: none has.
std::optional<std::string> find_holder(const base::Prefix& block, const CommandContext& context) {
  const auto has_it = [&](const std::vector<base::Prefix>& blocks) {
    return std::find(blocks.begin(), blocks.end(), block) != blocks.end();
  };
  for (const ConfiguredPeer& peer : context.config.peers) {
    if (has_it(peer.allowed_ips)) return wg::describe_peer(peer.name, peer.public_key);
  }
  std::optional<std::string> holder;
  context.peers.for_each([&](const wg::PublicKey& key, const PeerRecord& peer) {
    if (!holder && has_it(peer.detail->allowed_ips))
      holder = wg::describe_peer(peer.detail->name, key);
  });
  return holder;
}

/// Why the peer would not become what its operator expects; nullopt: it would.
std::optional<std::string> find_objection(const ConfiguredPeer& peer,
                                          const CommandContext& context) {
  const Config& config = context.config;
  if (config.interfaces.empty() && config.points.empty())
    return "nothing here can see a peer: add `observe: ADDRESS:PORT`, a built-in point, or "
           "`interface: NAME` to the configuration; --force registers it all the same";
  for (const base::Prefix& block : peer.allowed_ips) {
    if (const auto holder = find_holder(block, context))
      return fmt::format(
          "{} is that of {}, and WireGuard gives it to one peer alone: give this one another "
          "address; --force takes it over in the configuration",
          block.to_string(), *holder);
  }
  return std::nullopt;
}

control::Reply add(const ControlRequest& request, const CommandContext& context) {
  ConfiguredPeer peer;
  if (auto wrong = read_words(request, context.config, peer))
    return refuse(exit_usage, std::move(*wrong));
  for (const std::string& known : {request.key, request.name}) {
    if (find_peer(context.config, known) != nullptr) return refuse_known(known);
  }
  const auto objection = request.force ? std::nullopt : find_objection(peer, context);
  if (objection) return refuse(exit_refused, *objection);
  return register_peer(peer, {}, context);
}

/// The addresses of a new peer: the first free one of each family.
base::Expected<std::vector<TunnelAddress>, std::string> choose_addresses(
    const CommandContext& context) {
  const Config& config = context.config;
  if (config.address_range.empty())
    return base::Unexpected(
        std::string("no address-range is configured: add the addresses inside the tunnel that new "
                    "peers may get, as `address-range: 10.0.0.0/24`"));
  std::vector<base::Prefix> taken;
  const auto take = [&](const std::vector<base::Prefix>& blocks) {
    taken.insert(taken.end(), blocks.begin(), blocks.end());
  };
  const auto take_address = [&](const base::IpAddress& address) {
    taken.push_back(*base::Prefix::make(address, address.is_ipv4() ? 32 : 128));
  };
  for (const ConfiguredPeer& peer : config.peers) take(peer.allowed_ips);
  context.peers.for_each(
      [&](const wg::PublicKey&, const PeerRecord& peer) { take(peer.detail->allowed_ips); });
  for (const ConfiguredPoint& point : config.points) {
    for (const base::IpAddress& address : point.tunnel_addresses) take_address(address);
  }
  for (const base::InterfaceAddress& own : read_host(config).addresses) take_address(own.address);
  std::vector<TunnelAddress> addresses;
  for (const base::Prefix& range : config.address_range) {
    const bool has_one = std::any_of(addresses.begin(), addresses.end(), [&](const auto& one) {
      return one.address.family() == range.address().family();
    });
    const auto address = has_one ? std::nullopt : find_free_address(range, taken);
    if (address) addresses.push_back({*address, range.length()});
  }
  if (addresses.empty())
    return base::Unexpected(
        std::string("no address of address-range is free: see wg-dnsd peer list"));
  return addresses;
}

control::Reply create(const ControlRequest& request, const CommandContext& context) {
  const std::string& name = request.name;
  if (auto wrong = check_name(name, context.config)) return refuse(exit_usage, *std::move(wrong));
  if (find_peer(context.config, name) != nullptr) return refuse_known(name);
  const auto addresses = choose_addresses(context);
  if (!addresses) return refuse(exit_refused, addresses.error());
  wg::PrivateKey key;
  noise::fill_random(key.span());
  const auto file = write_peer_file(context, key, *addresses, request.full);
  if (!file) return refuse(exit_refused, file.error());
  control::Reply reply;
  if (request.qr) {
    auto code = draw_qr(*file);
    if (!code)
      return refuse(exit_refused, fmt::format("the file has {} octets, and a QR code holds {}: "
                                              "leave out --full, or --qr",
                                              file->size(), max_qr_octets));
    reply.text = *std::move(code);
    for (const std::string& line : tell_what_works(context, name, request.full))
      reply.text += line + '\n';
  } else {
    for (const std::string& line : tell_what_works(context, name, request.full))
      reply.text += "# " + line + '\n';
    reply.text += *file;
  }
  ConfiguredPeer peer;
  peer.public_key = noise::KeyPair(key).public_key();
  peer.name = name;
  for (const auto& [address, length] : *addresses)
    peer.allowed_ips.push_back(*base::Prefix::make(address, address.is_ipv4() ? 32 : 128));
  return register_peer(peer, std::move(reply), context);
}

control::Reply remove(const std::string& who, const CommandContext& context) {
  const ConfiguredPeer* const peer = find_peer(context.config, who);
  if (peer == nullptr) return refuse_unknown(who);
  const ConfiguredPeer old = *peer;
  const std::string file = added_peers_file(context.config);
  const auto removed = erase_peer(file, old.public_key);
  if (!removed) return refuse(exit_refused, removed.error());
  if (!*removed)
    return refuse(exit_refused,
                  fmt::format("{} is defined in the configuration: remove it there, then run "
                              "wg-dnsd reload",
                              wg::describe_peer(old.name, old.public_key)));
  auto problem = context.reload();
  if (!problem) return {};
  if (find_peer(context.config, old.public_key.to_base64()) == nullptr)
    return tell("removed, but", *problem);
  (void)append_peer(file, old);
  return refuse(exit_refused, std::move(*problem));
}

/// Gives a peer a name where such a name is kept, and gives back the earlier one.
class Renaming {
 public:
  /// \param peer null: only an interface has the key
  Renaming(const ConfiguredPeer* peer, const wg::PublicKey& key, const CommandContext& context)
      : key_(key), context_(context) {
    if (peer != nullptr && peer->name_origin == NameOrigin::added) added_name_ = peer->name;
  }

  /// \error one sentence
  [[nodiscard]] base::Expected<void, std::string> give(const std::string& name) {
    if (!added_name_) {
      known_ = context_.keep_name(key_, KnownName{name, true});
      return {};
    }
    const auto renamed = rename_peer(added_peers_file(context_.config), key_, name);
    if (!renamed) return base::Unexpected(renamed.error());
    return {};
  }
  void take_back() {
    if (added_name_)
      (void)rename_peer(added_peers_file(context_.config), key_, *added_name_);
    else
      (void)context_.keep_name(key_, std::move(known_));
  }

 private:
  const wg::PublicKey key_;
  const CommandContext& context_;
  std::optional<std::string> added_name_;  // the file of added peers has its name
  std::optional<KnownName> known_;
};

control::Reply rename(const std::string& who, const std::string& name,
                      const CommandContext& context) {
  if (auto wrong = check_name(name, context.config)) return refuse(exit_usage, *std::move(wrong));
  const ConfiguredPeer* const peer = find_peer(context.config, who);
  const auto key = peer != nullptr ? std::optional(peer->public_key) : wg::PublicKey::parse(who);
  if (!key || (peer == nullptr && !context.peers.find(*key))) return refuse_unknown(who);
  if (const ConfiguredPeer* other = find_peer(context.config, name);
      other != nullptr && other->public_key != *key)
    return refuse(exit_refused, fmt::format("the name '{}' is that of another peer, {}", name,
                                            wg::describe_peer({}, other->public_key)));
  if (peer != nullptr && peer->name == name) return {};
  if (peer != nullptr && !peer->name.empty() && peer->name_origin == NameOrigin::yaml)
    return refuse(exit_refused, fmt::format("{} has its name from the configuration (peers): "
                                            "change it there, then run wg-dnsd reload",
                                            wg::describe_peer(peer->name, *key)));
  Renaming renaming(peer, *key, context);
  if (const auto given = renaming.give(name); !given) return refuse(exit_refused, given.error());
  auto problem = context.reload();  // `peer` is gone now
  const ConfiguredPeer* const named = find_peer(context.config, name);
  if (named != nullptr && named->public_key == *key)
    return problem ? tell("renamed, but", *problem) : control::Reply{};
  renaming.take_back();
  if (problem) return refuse(exit_refused, *std::move(problem));
  return refuse(exit_refused, fmt::format("only an interface has {}: name it in the configuration, "
                                          "as `peers: [{{public-key: {}, name: {}}}]`",
                                          wg::describe_peer({}, *key), key->to_base64(), name));
}

control::Reply list_for_programs(const Config& config) {
  control::Reply reply;
  for (const ConfiguredPeer& peer : config.peers) {
    const nlohmann::ordered_json line{{"public_key", peer.public_key.to_base64()},
                                      {"name", control::text_or_null(peer.name)},
                                      {"allowed_ips", to_texts(peer.allowed_ips)},
                                      {"preshared_key", peer.preshared_key.has_value()}};
    reply.text += control::write_form(line);
  }
  return reply;
}

/// A table: the names first, because people know peers by them.
control::Reply list(const Config& config) {
  constexpr std::string_view name_head = "NAME";
  std::size_t width = name_head.size();
  for (const ConfiguredPeer& peer : config.peers) width = std::max(width, peer.name.size());
  control::Reply reply;
  const auto add_row = [&](std::string_view name, std::string_view key, std::string_view allowed) {
    reply.text += fmt::format("{:<{}}  {:<44}  {}\n", name, width, key, allowed);
  };
  add_row(name_head, "PUBLIC KEY", "ALLOWED IPS");
  for (const ConfiguredPeer& peer : config.peers) {
    const std::string allowed = fmt::format("{}", fmt::join(to_texts(peer.allowed_ips), ","));
    add_row(peer.name.empty() ? "-" : peer.name, peer.public_key.to_base64(),
            allowed.empty() ? "-" : allowed);
  }
  return reply;
}

control::Reply reset(const std::string& who, const CommandContext& context) {
  const ConfiguredPeer* const peer = find_peer(context.config, who);
  if (peer == nullptr) return refuse_unknown(who);
  context.observatory.points().reset_peer(peer->public_key);
  return {};
}

}  // namespace

control::Reply run_peer_command(const ControlRequest& request, const CommandContext& context) {
  using Command = ControlRequest::Command;
  switch (request.command) {
    case Command::pubkey:
      return list_keys(context);
    case Command::peer_config:
      return print_config(request.name, context);
    case Command::peer_add:
      return add(request, context);
    case Command::peer_remove:
      return remove(request.name, context);
    case Command::peer_rename:
      return rename(request.name, request.new_name, context);
    case Command::peer_new:
      return create(request, context);
    case Command::peer_list:
      return request.json ? list_for_programs(context.config) : list(context.config);
    case Command::peer_reset:
      return reset(request.name, context);
    default:
      return refuse(exit_usage, "not a command about peers");
  }
}

}  // namespace dnsd
