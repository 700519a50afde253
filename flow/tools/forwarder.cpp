#include "flow/tools/forwarder.hpp"

#include <unistd.h>

#include <algorithm>

#include "flow/tools/accept_all.hpp"
#include "flow/tools/program.hpp"

namespace flow::tools {
namespace {

// The first error and its origin; empty if there was none.
std::string failure_of(const proxy_result& r, const result<void>& from, const result<void>& to) {
  const auto at = [](const char* where, const error_code& ec) {
    return std::string(where) + ": " + ec.message();
  };
  if (r.a_to_b.read_error) return at("from", r.a_to_b.read_error);
  if (r.b_to_a.read_error) return at("to", r.b_to_a.read_error);
  if (r.a_to_b.write_error) return at("to", r.a_to_b.write_error);
  if (r.b_to_a.write_error) return at("from", r.b_to_a.write_error);
  if (!from) return at("from", from.error().code());
  if (!to) return at("to", to.error().code());
  return {};
}

}  // namespace

forwarder::forwarder(const asio::any_io_executor& executor, forward_options o)
    : executor_(executor),
      options_(std::move(o)),
      interruption_(executor),
      log_(STDERR_FILENO, options_.level),
      tasks_(executor, [this](const std::string& name, const std::exception_ptr& e) {
        log_.error("unexpected failure", {{"task", name}, {"err", describe(e)}});
      }) {}

awaitable<exit_status> forwarder::run() {
  std::vector<listener> listeners;
  for (const auto& rule : options_.rules) {
    auto l = options_.connections.listen(executor_, rule.from);
    if (!l) {
      complain(l.error().message());
      co_return exit_status::failure;
    }
    log_.info("listening", {{"from", place_of(*l, rule.from)}, {"to", rule.to.text}});
    listeners.push_back(std::move(*l));
  }
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    tasks_.spawn("listener", serve(listeners[i], options_.rules[i]));
  }
  co_await tasks_.join();
  co_return exit_status::interrupted;
}

awaitable<void> forwarder::serve(listener& l, const forward_rule& rule) {
  co_await accept_all(l, interruption_, log_, tasks_, [this, &rule](accepted arrived) {
    return forward(std::move(arrived), rule);
  });
}

awaitable<void> forwarder::forward(accepted arrived, const forward_rule& rule) {
  const auto id = ++last_id_;
  log_.debug("accepted", {{"id", id}, {"from", rule.from.text}, {"peer", to_string(arrived.peer)}});
  const auto from = options_.connections.speak(std::move(arrived.connection), rule.from);
  auto connected = co_await options_.connections.connect(executor_, rule.to);
  if (!connected) {
    from->abort();  // not a clean end: connecting failed
    log_.warning("connect failed", {{"id", id}, {"err", connected.error().message()}});
    co_return;
  }
  const auto to = std::move(*connected);
  task_group closing(executor_, [this](const std::string& name, const std::exception_ptr& e) {
    log_.error("unexpected failure", {{"task", name}, {"err", describe(e)}});
  });
  const auto close_both = [&] {
    closing.spawn("close", close(*from));
    closing.spawn("close", close(*to));
  };
  const interruption::handler stop(interruption_, close_both);
  if (interruption_.happened()) {  // while connecting
    close_both();
  }
  const auto moved = co_await proxy(*from, *to);
  // Concurrently: each may wait for its peer.
  closing.spawn("close", close(*to));
  const auto from_closed = co_await from->close(options_.connections.close_timeout);
  const auto to_closed = co_await to->close(options_.connections.close_timeout);
  co_await closing.join();
  report(id, moved, from_closed, to_closed);
}

awaitable<void> forwarder::close(duplex& d) {
  co_await d.close(options_.connections.close_timeout);
}

void forwarder::report(std::uint64_t id, const proxy_result& r, const result<void>& from,
                       const result<void>& to) {
  const auto failure = failure_of(r, from, to);
  const auto& up = r.a_to_b.stats;
  const auto& down = r.b_to_a.stats;
  const auto lasted =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::max(up.duration, down.duration));
  const auto log_end = [&](auto write, const std::string& end) {
    (log_.*write)("ended", {{"id", id},
                            {"from_read", up.read_bytes},
                            {"to_written", up.write_bytes},
                            {"to_read", down.read_bytes},
                            {"from_written", down.write_bytes},
                            {"ms", lasted.count()},
                            {"end", end}});
  };
  if (failure.empty()) {
    log_end(&log::info, "clean");
  } else {
    log_end(&log::warning, failure);
  }
}

}  // namespace flow::tools
