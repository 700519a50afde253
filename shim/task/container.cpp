#include "shim/task/container.hpp"

#include <algorithm>
#include <utility>

#include "flow/system/log_failures.hpp"
#include "shim/config/limits.hpp"
#include "shim/support/timestamp.hpp"

namespace shim {

using flow::awaitable;

container::container(const flow::asio::any_io_executor& executor, std::string id,
                     std::filesystem::path bundle, sandbox& in, stopped_handler on_stopped,
                     flow::log& log)
    : id_(std::move(id)),
      bundle_(std::move(bundle)),
      sandbox_(in),
      on_stopped_(std::move(on_stopped)),
      log_(log),
      number_(in.next_number()),
      files_(id_, bundle_, number_, in, log),
      init_(std::make_shared<process>(executor, lifecycle::of_init())),
      changed_(executor),
      tasks_(executor, flow::log_failures(log, "container " + id_)) {
  init_->number = in.next_number();
}

standing container::standing_of(const process& p) const noexcept {
  return {.process = p.life.now(),
          .is_init = p.is_init(),
          .init = init_->life.now(),
          .freezer = freezer};
}

std::shared_ptr<process> container::find_exec(const std::string& exec_id) const {
  const auto found = execs_.find(exec_id);
  return found == execs_.end() ? nullptr : found->second;
}

void container::add_exec(std::shared_ptr<process> p) {
  p->number = sandbox_.next_number();
  execs_[p->exec_id] = std::move(p);
}

void container::changed(process& p) {
  p.changed.notify_all();
  changed_.notify_all();
}

awaitable<void> container::join_starts() {
  const auto settled = [this] {
    return std::none_of(execs_.begin(), execs_.end(),
                        [](const auto& e) { return e.second->life.in_transition(); });
  };
  co_await changed_.wait(settled);
}

std::vector<std::shared_ptr<process>> container::remove_all() {
  std::vector<std::shared_ptr<process>> all{init_};
  for (auto& [exec_id, p] : std::exchange(execs_, {})) {
    all.push_back(std::move(p));
  }
  return all;
}

void container::watch(const std::shared_ptr<process>& p) {
  sandbox_.expect_exit(p->number, [this, p](const sandbox::reported_exit& reported) {
    tasks_.spawn("exit of " + (p->is_init() ? id_ : p->exec_id), take_exit(p, reported));
  });
}

// The rule when an exit is published: no operation on the process is under way, its output is safe,
// and, for a container's first process, every exec has stopped.
awaitable<void> container::take_exit(std::shared_ptr<process> p, sandbox::reported_exit reported) {
  const auto settled = [p] { return !p->life.in_transition(); };
  co_await p->changed.wait(settled);
  if (p->life.now() == process_state::failed) {
    co_return;
  }
  p->life.enter(process_state::exited);
  changed(*p);
  p->streams->process_ended();
  if (reported) {
    co_await p->streams->wait_safe(reported->stdout_bytes(), reported->stderr_bytes());
    p->exit = {.status = reported->exit_status(),
               .at = reported->exited_at(),
               .stdout_bytes = reported->stdout_bytes(),
               .stderr_bytes = reported->stderr_bytes()};
  } else {
    co_await p->streams->wait_safe_to_end();
    p->exit = {.status = p->killed ? limits::killed_status : limits::lost_status,
               .at = nanoseconds_now(),
               .lost = true};
    log_.error("process lost with its machine; its output may be truncated",
               {{"id", id_}, {"exec_id", p->exec_id}, {"status", p->exit.status}});
  }
  if (p->is_init()) {
    const auto last = [this] { return !any_exec_running(); };
    co_await changed_.wait(last);
  }
  p->placeholder.reset();
  p->life.enter(process_state::stopped);
  changed(*p);
  on_stopped_(*this, *p);
}

bool container::any_exec_running() const {
  return std::any_of(execs_.begin(), execs_.end(), [](const auto& e) {
    return e.second->life.in_transition() || e.second->life.counts_as_running();
  });
}

awaitable<void> container::join() {
  co_await tasks_.join();
}

}  // namespace shim
