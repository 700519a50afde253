#include "agent/container/processes.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include "flow/system/log_failures.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;
using ttrpc::code;

processes::processes(const flow::asio::any_io_executor& executor, reaper& children,
                     shim_dialer& shim, flow::log& log, exit_handler on_exit)
    : executor_(executor),
      children_(children),
      shim_(shim),
      log_(log),
      on_exit_(std::move(on_exit)),
      releases_(executor, flow::log_failures(log, "processes")) {}

result<processes::entry*> processes::add(process_id id, container_id container) {
  if (id == 0) {
    return error(code::invalid_argument, "invalid process id 0");
  }
  if (entries_.contains(id)) {
    return error(code::already_exists, "process " + std::to_string(id));
  }
  auto& p = entries_[id] = std::make_unique<entry>();
  p->id = id;
  p->container = container;
  return p.get();
}

awaitable<result<void>> processes::connect(entry& p, const stdio_request& wanted,
                                           const std::string& console_path) {
  p.stdio = std::make_unique<process_stdio>(executor_, log_);
  auto opened = co_await p.stdio->open(shim_, wanted);
  if (!opened || !wanted.terminal()) {
    co_return opened;
  }
  auto listening = console_socket::listen(console_path);
  if (!listening) {
    co_return listening.error();
  }
  p.console.emplace(std::move(listening.value()));
  co_return opened;
}

result<void> processes::adopt(entry& p, pid_t pid) {
  p.stdio->close_process_ends();
  if (p.console) {
    auto master = p.console->receive();
    if (!master) {
      return std::move(master).error();
    }
    p.stdio->attach_terminal(std::move(master.value()));
    p.console.reset();
  }
  p.pid = pid;
  p.state = process_state::alive;
  p.stdio->start();
  children_.watch(pid, [this, &p](process_exit exit) { exited(p, exit); });
  return {};
}

void processes::exited(entry& p, process_exit exit) {
  p.state = process_state::exited;
  hvsock::agent::v1::Event event;
  auto& report = *event.mutable_exit();
  report.set_process(p.id);
  report.set_exit_status(exit.status);
  report.set_exited_at(exit.exited_at);
  report.set_stdout_bytes(p.stdio->stdout_written_at_exit());
  report.set_stderr_bytes(p.stdio->stderr_written_at_exit());
  on_exit_(p, std::move(event));
}

void processes::abandon(process_id id) {
  entries_.erase(id);
}

result<processes::entry*> processes::find(process_id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    return error(code::not_found, "process " + std::to_string(id));
  }
  return found->second.get();
}

process_id processes::id_of(pid_t pid) const {
  for (const auto& [id, p] : entries_) {
    if (p->pid == pid && p->state == process_state::alive) {
      return id;
    }
  }
  return 0;
}

result<void> processes::signal(const entry& p, int signal) {
  if (auto allowed = can_signal(p.state); !allowed) {
    return allowed;
  }
  // A process that was not reaped yet keeps its pid, and reaping and this happen on one thread.
  if (::kill(p.pid, signal) != 0 && errno == ESRCH) {
    return can_signal(process_state::exited);
  }
  return {};
}

result<void> processes::remove(process_id id) {
  const auto found = find(id);
  if (!found) {
    return found.error();
  }
  auto& p = *found.value();
  if (auto allowed = can_remove(p.state); !allowed) {
    return allowed;
  }
  p.stdio->finish();
  release(std::move(p.stdio));
  entries_.erase(id);
  return {};
}

void processes::remove_exited(container_id container) {
  for (auto p = entries_.begin(); p != entries_.end();) {
    const auto current = p++;
    if (current->second->container == container && can_remove(current->second->state)) {
      static_cast<void>(remove(current->first));
    }
  }
}

void processes::release(std::unique_ptr<process_stdio> stdio) {
  released_.push_front(std::move(stdio));
  releases_.spawn("release stdio", run_release(released_.begin()));
}

awaitable<void> processes::run_release(std::list<std::unique_ptr<process_stdio>>::iterator stdio) {
  co_await (*stdio)->join();
  released_.erase(stdio);
}

awaitable<void> processes::close() {
  for (const auto& [id, p] : entries_) {
    release(std::move(p->stdio));
  }
  entries_.clear();
  for (const auto& stdio : released_) {
    stdio->abort();
  }
  co_await releases_.join();
}

}  // namespace agent
