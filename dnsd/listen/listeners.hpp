#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/expected.hpp"
#include "dnsd/listen/inherited_sockets.hpp"
#include "dnsd/listen/listener_plan.hpp"
#include "dnsd/serve/answer_threads.hpp"

namespace dnsd {

/// One listener, for `wg-dnsd status`.
struct ListenerStatus {
  std::string address;  ///< `192.0.2.1:53`, with `%wg0` behind it when it is tied to that interface
  View view{};
  bool is_listening = false;
  bool is_missed = false;  ///< it is not listening, and the operator named it
  /// It is listening, shows the private view, and strangers may reach it.
  bool is_exposed = false;
  std::string problem;  ///< why it is not listening; empty: nothing is wrong
};

/// The listeners of the daemon: opens what the operator wants, follows the addresses of the host,
/// and logs every change once. Lives on the control thread.
class Listeners {
 public:
  /// \param threads outlives the listeners. \param inherited used for their places, in place of
  /// sockets of our own.
  Listeners(AnswerThreads& threads, InheritedSockets inherited)
      : threads_(threads), inherited_(std::move(inherited)) {}

  [[nodiscard]] const InheritedSockets& inherited() const { return inherited_; }

  /// Changes to other listeners, by difference: what stays is not touched. All or nothing.
  /// \param wanted empty: default_listeners().
  /// \error one line that names the address, the program that holds it if that is readable, and the
  /// remedy. Nothing has changed then.
  [[nodiscard]] base::Expected<void, std::string> change(std::vector<ListenAddress> wanted,
                                                         HostAddresses host);

  /// The addresses of the host may have changed: opens what has become possible, closes what is
  /// gone. What fails is tried again at the next change.
  void follow(HostAddresses host);

  [[nodiscard]] std::vector<ListenerStatus> status() const;
  /// What was asked for, defaults filled in.
  [[nodiscard]] const std::vector<ListenAddress>& wanted() const { return wanted_; }

 private:
  /// One place that is listened on, or waited for.
  struct Place {
    PlannedListener plan;
    std::optional<AnswerThreads::ListenerId> id;  ///< none: not listening
    std::optional<ListenSockets> opened;          ///< not given to the threads yet
    std::string problem;
    bool is_warned_of = false;  ///< the log has said that strangers reach it
    std::vector<std::pair<BindAddress, AnswerThreads::ListenerId>> shortcuts;  ///< of a wildcard
  };
  struct Draft {
    std::vector<Place> places;
    std::set<base::Endpoint> refused;
    std::vector<std::string> remarks;         ///< for the log, when the draft is carried out
    std::string failure;                      ///< why it cannot be carried out; empty: it can
    std::optional<base::Endpoint> to_refuse;  ///< a wildcard that must be tried address by address
    std::string obstacle;                     ///< why some address of many cannot be had
  };

  [[nodiscard]] Draft draft(const std::vector<ListenAddress>& wanted, const HostAddresses& host,
                            std::set<base::Endpoint> refused) const;
  [[nodiscard]] Draft attempt(const std::vector<ListenAddress>& wanted, const HostAddresses& host,
                              const std::set<base::Endpoint>& refused) const;
  [[nodiscard]] std::optional<BindError> open(Place& place, const std::vector<Place>& others) const;
  [[nodiscard]] static const Place* find_place(const std::vector<Place>& places,
                                               const BindAddress& address);
  static void judge(const BindError& error, Place& place, Draft& draft);
  void commit(Draft draft, const HostAddresses& host);
  void follow_shortcuts(Place& wildcard, const HostAddresses& host,
                        std::span<const PlannedListener> planned);
  void close(const Place& place);

  AnswerThreads& threads_;
  const InheritedSockets inherited_;
  std::vector<ListenAddress> wanted_;
  std::set<base::Endpoint> refused_;  // wildcards in whose place single addresses are listened on
  std::vector<Place> places_;
};

}  // namespace dnsd
