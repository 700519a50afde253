#include "shim/io/outputs.hpp"

#include "flow/system/log_failures.hpp"
#include "flow/task_group.hpp"

namespace shim {

using flow::awaitable;

outputs::outputs(flow::asio::any_io_executor executor, std::string name,
                 const delivery_limits& limits, flow::log& log)
    : executor_(std::move(executor)), name_(std::move(name)), limits_(limits), log_(log) {}

std::unique_ptr<delivery> outputs::make(const char* stream, std::unique_ptr<sink> to) const {
  return std::make_unique<delivery>(executor_, name_ + " " + stream, std::move(to), limits_, log_);
}

void outputs::deliver_stdout(std::unique_ptr<sink> to) {
  stdout_ = make("stdout", std::move(to));
}

void outputs::deliver_stderr(std::unique_ptr<sink> to) {
  stderr_ = make("stderr", std::move(to));
}

void outputs::start(flow::stream* out, flow::stream* err) {
  if (stdout_) {
    stdout_->start(*out);
  }
  if (stderr_) {
    stderr_->start(*err);
  }
}

void outputs::each(void (delivery::*call)()) const {
  for (delivery* const one : {stdout_.get(), stderr_.get()}) {
    if (one != nullptr) {
      (one->*call)();
    }
  }
}

void outputs::start_without_streams() {
  each(&delivery::start_without_stream);
}

void outputs::expedite() {
  each(&delivery::expedite);
}

void outputs::take_all() {
  each(&delivery::take_all);
}

awaitable<void> outputs::wait_safe(std::uint64_t stdout_bytes, std::uint64_t stderr_bytes) {
  flow::task_group waits(executor_, flow::log_failures(log_, name_));
  if (stdout_) {
    waits.spawn("stdout: wait until safe", stdout_->wait_safe(stdout_bytes));
  }
  if (stderr_) {
    waits.spawn("stderr: wait until safe", stderr_->wait_safe(stderr_bytes));
  }
  co_await waits.join();
}

awaitable<void> outputs::both(awaitable<void> (delivery::*wait)()) {
  flow::task_group waits(executor_, flow::log_failures(log_, name_));
  if (stdout_) {
    waits.spawn("stdout", ((*stdout_).*wait)());
  }
  if (stderr_) {
    waits.spawn("stderr", ((*stderr_).*wait)());
  }
  co_await waits.join();
}

awaitable<void> outputs::wait_safe_to_end() {
  co_await both(&delivery::wait_safe_to_end);
}

awaitable<void> outputs::wait_received() {
  co_await both(&delivery::wait_received);
}

awaitable<void> outputs::linger() {
  co_await both(&delivery::linger);
  co_await both(&delivery::join);
}

output_reports outputs::report() const {
  output_reports all;
  if (stdout_) {
    all.out = stdout_->report();
  }
  if (stderr_) {
    all.err = stderr_->report();
  }
  return all;
}

void outputs::log_report() const {
  const auto line = [this](const char* stream, const std::optional<delivery_report>& one) {
    if (one) {
      log_.info("output", {{"stream", name_ + " " + stream},
                           {"source", name_of(one->source)},
                           {"sink", name_of(one->sink)},
                           {"received", one->received},
                           {"delivered", one->delivered},
                           {"held", one->held},
                           {"dropped", one->dropped},
                           {"missing", one->missing}});
    }
  };
  const auto all = report();
  line("stdout", all.out);
  line("stderr", all.err);
}

}  // namespace shim
