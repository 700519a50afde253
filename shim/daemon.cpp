#include "shim/daemon.hpp"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>

#include "flow/system/log_failures.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "runtime_api/ttrpc/unix_socket.hpp"
#include "shim/config/limits.hpp"
#include "shim/events/publisher.hpp"
#include "shim/sandbox/sandbox.hpp"
#include "shim/sandbox/sandbox_service.hpp"
#include "shim/state/sandbox_lock.hpp"
#include "shim/task/service.hpp"
#include "shim/vm/factory.hpp"
#include "shim/vm/machine_description.hpp"

namespace shim {

using flow::awaitable;

namespace {

class daemon {
 public:
  daemon(const boost::asio::any_io_executor& executor, daemon_settings& settings,
         flow::unique_fd listening, flow::log& log)
      : settings_(settings),
        log_(log),
        events_(executor, settings.events_address, settings.arguments.containerd_namespace, log),
        share_(settings.directory),
        machine_(make_machine(
            executor, describe(settings.configuration, settings.arguments.id, share_.view()),
            paths_of(settings.configuration), log)),
        sandbox_(executor, share_, *machine_, settings.configuration, log),
        tasks_(
            executor, sandbox_, events_, settings.configuration, [this] { end_with_tasks(); }, log),
        sandboxes_(
            executor, settings.group, sandbox_, tasks_, [this] { end("sandbox shutdown"); }, log),
        server_(executor, log),
        listener_(executor, std::move(listening), server_, log),
        signals_(executor, SIGTERM, SIGINT),
        report_signal_(executor, SIGUSR1),
        ending_(executor),
        background_(executor, flow::log_failures(log, "shim")) {
    server_.add_service(tasks_);
    server_.add_service(tasks_, "containerd.task.v3.Task");
    server_.add_service(tasks_.connected_streams());
    server_.add_service(sandboxes_);
  }

  awaitable<void> run() {
    sandbox_.start();
    events_.start();
    background_.spawn("listen", listener_.run());
    background_.spawn("signals", wait_signal());
    background_.spawn("report", report_on_signal());
    background_.spawn("idle", watch_idle());
    const auto ended = [this] { return ended_; };
    co_await ending_.wait(ended);
    co_await stop();
  }

 private:
  void end(const char* why) {
    if (ended_) {
      return;
    }
    log_.info("shutting down", {{"reason", why}});
    ended_ = true;
    ending_.notify_all();
  }

  // A sandbox created by CreateSandbox outlives its containers.
  void end_with_tasks() {
    if (!sandboxes_.created()) {
      end("shutdown");
    }
  }

  awaitable<void> wait_signal() {
    const auto r = co_await signals_.async_wait(flow::as_result);
    if (!std::get<0>(r)) {
      end("signal");
    }
  }

  awaitable<void> report_on_signal() {
    for (;;) {
      const auto r = co_await report_signal_.async_wait(flow::as_result);
      if (std::get<0>(r)) {
        co_return;
      }
      tasks_.report();
      co_await sandbox_.report();
    }
  }

  awaitable<void> watch_idle() {
    const auto ended = [this] { return ended_; };
    while (!ended_) {
      const bool ending = co_await ending_.wait_for(limits::idle, ended);
      if (!ending && tasks_.idle() && !sandboxes_.created() && server_.connections() == 0) {
        end("idle");
      }
    }
  }

  // Only the writers of output that is still to be delivered are left.
  awaitable<void> stop() {
    listener_.close();
    signals_.cancel();
    report_signal_.cancel();
    ::unlink(settings_.socket.c_str());
    co_await sandbox_.stop();
    co_await sandboxes_.join();
    co_await tasks_.join();
    co_await server_.shutdown(limits::last_answers);
    co_await events_.flush(limits::last_events);
    co_await background_.join();
    remove_sandbox_directory(settings_.directory);
    // From here on, another shim can start for the same sandbox.
    settings_.lock.reset();
    co_await tasks_.linger();
    log_.info("shut down");
  }

  daemon_settings& settings_;
  flow::log& log_;
  publisher events_;
  share share_;
  std::unique_ptr<machine> machine_;
  sandbox sandbox_;
  task_service tasks_;
  sandbox_service sandboxes_;
  ttrpc::server server_;
  ttrpc::unix_listener listener_;
  boost::asio::signal_set signals_;
  boost::asio::signal_set report_signal_;
  bool ended_ = false;
  flow::event ending_;
  flow::task_group background_;
};

}  // namespace

int run_daemon(daemon_settings settings, flow::unique_fd listening, flow::log& log) {
  boost::asio::io_context context(1);
  daemon d(context.get_executor(), settings, std::move(listening), log);
  int status = 0;
  boost::asio::co_spawn(context, d.run(), [&](const std::exception_ptr& failure) {
    if (failure) {
      log.error("shim failed", {{"err", flow::describe(failure)}});
      status = 1;
    }
    context.stop();
  });
  context.run();
  return status;
}

}  // namespace shim
