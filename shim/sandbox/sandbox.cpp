#include "shim/sandbox/sandbox.hpp"

#include "flow/system/log_failures.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;

sandbox::sandbox(const flow::asio::any_io_executor& executor, share& files, machine& vm,
                 const config& c, flow::log& log)
    : share_(files),
      config_(c),
      log_(log),
      machine_(vm),
      guest_(std::make_unique<guest>(
          executor, machine_, [this](const hvsock::agent::v1::Event& event) { handle(event); },
          log)),
      changed_(executor),
      tasks_(executor, flow::log_failures(log, "sandbox", [this] { kill("internal error"); })) {}

void sandbox::start() {
  tasks_.spawn("boot", boot());
}

awaitable<void> sandbox::boot() {
  const auto begin = std::chrono::steady_clock::now();
  if (auto made = share_.make(); !made) {
    lose(std::move(made).error());
    co_return;
  }
  const auto started = co_await machine_.start();
  if (!started) {
    lose(flow::error(started.error()).in("start virtual machine"));
    co_return;
  }
  tasks_.spawn("watch machine", watch_machine());
  const auto connected = co_await guest_->connect(config_.boot_timeout);
  if (!connected) {
    // If one of the machine's processes has ended, its exit says more than the missing connection;
    // it may be noticed a moment later.
    if (connected.error().code() != flow::errc::timed_out) {
      const auto lost = [this] { return lost_.has_value(); };
      co_await changed_.wait_for(limits::end_notice, lost);
    }
    lose(flow::error(connected.error()).in("boot virtual machine"));
    co_return;
  }
  log_.info("sandbox ready", {{"boot_ms", std::chrono::duration_cast<std::chrono::milliseconds>(
                                              std::chrono::steady_clock::now() - begin)
                                              .count()}});
  ready_ = true;
  changed_.notify_all();
  tasks_.spawn("watch guest", watch_guest());
}

awaitable<void> sandbox::watch_machine() {
  const auto why = co_await machine_.wait_ended();
  lose(flow::error(why).in("virtual machine ended"));
}

awaitable<void> sandbox::watch_guest() {
  co_await guest_->wait_lost();
  lose(error(flow::errc::unavailable, "connection to the agent lost"));
}

void sandbox::lose(error why) {
  if (lost_) {
    return;
  }
  log_.warning("sandbox lost", {{"reason", why.message()}});
  end(std::move(why));
}

void sandbox::end(error why) {
  lost_ = std::move(why);
  guest_->close();
  machine_.kill();
  // Handlers may register or remove others.
  for (const auto exits = std::exchange(exits_, {}); const auto& [number, on_exit] : exits) {
    on_exit(std::nullopt);
  }
  changed_.notify_all();
}

void sandbox::kill(const std::string& reason) {
  lose(error(flow::errc::aborted, reason));
}

awaitable<result<void>> sandbox::ready() {
  const auto decided = [this] { return ready_ || lost_; };
  co_await changed_.wait(decided);
  if (lost_) {
    co_return error(ttrpc::code::unavailable, lost_->message());
  }
  co_return result<void>();
}

void sandbox::expect_exit(std::uint32_t number, exit_handler on_exit) {
  if (lost_) {
    on_exit(std::nullopt);
  } else {
    exits_.insert_or_assign(number, std::move(on_exit));
  }
}

void sandbox::expect_out_of_memory(std::uint32_t number, out_of_memory_handler on_oom) {
  out_of_memory_.insert_or_assign(number, std::move(on_oom));
}

void sandbox::handle(const hvsock::agent::v1::Event& event) {
  if (event.has_exit()) {
    process_exited(event.exit());
  }
  if (event.has_out_of_memory()) {
    const auto container = out_of_memory_.find(event.out_of_memory().container());
    if (container != out_of_memory_.end()) {
      container->second();
    }
  }
}

void sandbox::process_exited(const hvsock::agent::v1::ProcessExit& exit) {
  const auto expected = exits_.extract(exit.process());
  if (expected.empty()) {
    log_.warning("exit of unknown process", {{"process", exit.process()}});
    return;
  }
  expected.mapped()(exit);
}

awaitable<void> sandbox::wait_lost() {
  const auto lost = [this] { return lost_.has_value(); };
  co_await changed_.wait(lost);
}

awaitable<void> sandbox::halt() {
  if (!lost_) {
    end(error(flow::errc::aborted, "the sandbox was stopped"));
  }
  co_await machine_.join();
}

awaitable<void> sandbox::stop() {
  co_await halt();
  co_await guest_->join();
  co_await tasks_.join();
  share_.remove();
}

}  // namespace shim
