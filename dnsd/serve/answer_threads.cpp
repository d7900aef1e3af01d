#include "dnsd/serve/answer_threads.hpp"

#include <linux/capability.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <future>
#include <map>
#include <thread>

#include "base/capability.hpp"
#include "base/signals.hpp"
#include "dnsd/serve/udp_server.hpp"

namespace dnsd {

class AnswerThreads::Thread {
 public:
  Thread(const Responder& responder, Served& served, TcpLimits limits)
      : responder_(responder),
        served_(served),
        connections_(io_, responder, served, limits),
        keep_running_(io_.get_executor()) {
    const base::BlockedSignals blocked;
    thread_ = std::thread([this] {
      (void)base::drop_capability(CAP_NET_ADMIN);
      io_.run();
    });
  }
  ~Thread() {
    call([this] {
      servers_.clear_all();
      keep_running_.reset();
    });
    thread_.join();
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  void add_udp(ListenerId id, base::FileDescriptor socket, const Listener& listener) {
    call([&] {
      const auto server = std::make_shared<UdpServer>(io_, std::move(socket), listener, responder_,
                                                      loop_guard_, batch_, served_);
      servers_.udp.emplace(id, server);
      server->start();
    });
  }
  void add_tcp(ListenerId id, base::FileDescriptor socket, View view) {
    call([&] {
      const auto server = std::make_shared<TcpServer>(io_, std::move(socket), view, connections_);
      servers_.tcp.emplace(id, server);
      server->start();
    });
  }
  void touch() {
    call([] {});
  }
  void set_loop_guard(const LoopGuard& guard) {
    call([&] { loop_guard_ = guard; });
  }
  void set_most_connections(std::size_t most) {
    call([&] { connections_.set_most(most); });
  }
  [[nodiscard]] std::size_t count_connections() {
    std::size_t count = 0;
    call([&] { count = connections_.count(); });
    return count;
  }
  void remove(ListenerId id) {
    call([&] { servers_.clear(id); });
  }

 private:
  /// A listener has several sockets here when it has more sockets than there are threads.
  struct Servers {
    std::multimap<ListenerId, std::shared_ptr<UdpServer>> udp;
    std::multimap<ListenerId, std::shared_ptr<TcpServer>> tcp;

    void clear(ListenerId id) {
      const auto close = [id](auto& servers) {
        const auto [first, last] = servers.equal_range(id);
        for (auto one = first; one != last; ++one) one->second->close();
        servers.erase(first, last);
      };
      close(udp);
      close(tcp);
    }
    void clear_all() {
      for (const auto& [id, server] : udp) server->close();
      for (const auto& [id, server] : tcp) server->close();
      udp.clear();
      tcp.clear();
    }
  };

  /// Runs `work` on the thread and waits for it.
  template <typename Work>
  void call(Work work) {
    std::promise<void> done;
    const auto finished = done.get_future();
    asio::post(io_, [&work, done = std::move(done)]() mutable {
      work();
      done.set_value();
    });
    finished.wait();
  }

  const Responder& responder_;
  Served& served_;
  asio::io_context io_{1};
  LoopGuard loop_guard_;
  UdpBatch batch_;
  TcpConnections connections_;
  Servers servers_;
  asio::executor_work_guard<asio::io_context::executor_type> keep_running_;
  std::thread thread_;
};

AnswerThreads::AnswerThreads(const Responder& responder, std::size_t count, TcpLimits limits)
    : served_(std::make_unique<Served>()) {
  for (std::size_t i = 0; i < count; ++i) {
    threads_.push_back(std::make_unique<Thread>(responder, *served_, limits));
  }
}

AnswerThreads::~AnswerThreads() = default;

AnswerThreads::ListenerId AnswerThreads::add(ListenSockets sockets, Listener listener) {
  const ListenerId id{next_id_++};
  listener.transport = dns::Transport::udp;
  for (std::size_t i = 0; i < sockets.udp.size(); ++i) {
    threads_[i % count()]->add_udp(id, std::move(sockets.udp[i]), listener);
  }
  for (std::size_t i = 0; i < sockets.tcp.size(); ++i) {
    threads_[i % count()]->add_tcp(id, std::move(sockets.tcp[i]), listener.view);
  }
  return id;
}

void AnswerThreads::set_loop_guard(const LoopGuard& guard) {
  for (const auto& thread : threads_) thread->set_loop_guard(guard);
}

void AnswerThreads::set_most_connections(std::size_t most) {
  for (const auto& thread : threads_) thread->set_most_connections(most);
}

std::size_t AnswerThreads::count_connections() const {
  std::size_t count = 0;
  for (const auto& thread : threads_) count += thread->count_connections();
  return count;
}

void AnswerThreads::touch() {
  for (const auto& thread : threads_) thread->touch();
}

void AnswerThreads::remove(ListenerId id) {
  for (const auto& thread : threads_) thread->remove(id);
}

}  // namespace dnsd
