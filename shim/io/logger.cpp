#include "shim/io/logger.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "flow/deadline.hpp"
#include "flow/system/log_failures.hpp"
#include "flow/system/pipe.hpp"
#include "flow/system/retry_interrupted.hpp"
#include "shim/io/pipe_sink.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

// Where the logger finds its pipes.
constexpr int stdout_descriptor = 3;
constexpr int stderr_descriptor = 4;
constexpr int ready_descriptor = 5;

// Our end alone: the logger's must block.
void set_nonblocking(const unique_fd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

result<std::unique_ptr<logger>> logger::start(const flow::asio::any_io_executor& executor,
                                              const stdio_uri& uri, const stdio_owner& owner,
                                              const logger_limits& limits, flow::log& log) {
  if (!uri.path.starts_with('/')) {
    return error(
        errc::invalid_argument,
        "logger path \"" + uri.path + "\" is not absolute: give it as " + uri.scheme + ":///path");
  }
  flow::command c;
  c.argv = {uri.path};
  for (const auto& [key, value] : uri.query) {
    c.argv.push_back(key);
    c.argv.push_back(value);
  }
  c.environment = {"CONTAINER_ID=" + owner.container_id,
                   "CONTAINER_NAMESPACE=" + owner.containerd_namespace};

  auto out = flow::make_pipe();
  auto err = flow::make_pipe();
  auto ready = flow::make_pipe();
  for (const auto* made : {&out, &err, &ready}) {
    if (!*made) {
      return made->error();
    }
  }
  c.descriptors = {{out.value().reader.get(), stdout_descriptor},
                   {err.value().reader.get(), stderr_descriptor},
                   {ready.value().writer.get(), ready_descriptor}};
  auto process = child_process::start(executor, std::move(c), child_process::lifetime::own);
  if (!process) {
    return std::move(process).error().in("start logger");
  }
  set_nonblocking(out.value().writer);
  set_nonblocking(err.value().writer);
  set_nonblocking(ready.value().reader);
  program running{.name = uri.path,
                  .process = std::move(process.value()),
                  .ready = std::move(ready.value().reader),
                  .must_signal_ready = uri.scheme == "binary-v2"};
  auto started = std::make_unique<logger>(executor, std::move(running), limits, log);
  started->stdout_ = std::make_unique<pipe_sink>(executor, std::move(out.value().writer));
  started->stderr_ = std::make_unique<pipe_sink>(executor, std::move(err.value().writer));
  return started;
}

logger::logger(const flow::asio::any_io_executor& executor, program started,
               const logger_limits& limits, flow::log& log)
    : name_(std::move(started.name)),
      process_(std::move(started.process)),
      ready_(executor, started.ready.release()),
      must_signal_ready_(started.must_signal_ready),
      limits_(limits),
      log_(log),
      ended_(executor),
      tasks_(executor, flow::log_failures(log, "logger " + name_)) {
  tasks_.spawn("watch logger", watch());
}

awaitable<void> logger::watch() {
  co_await process_->wait();
  if (!process_->ended_well() && !terminated_) {
    log_.warning("logger failed", {{"reason", process_->end_text()}});
  }
  ended_.notify_all();
}

void logger::close_untaken() {
  stdout_.reset();
  stderr_.reset();
}

awaitable<result<void>> logger::wait_ready() {
  const flow::deadline limit(ready_.get_executor(), limits_.ready, [this] {
    flow::error_code ignored;
    ready_.cancel(ignored);
  });
  for (;;) {
    const auto r =
        co_await ready_.async_wait(boost::asio::posix::descriptor_base::wait_read, flow::as_result);
    if (std::get<0>(r)) {
      co_return error(errc::timed_out, "logger " + name_ + " did not signal readiness in time");
    }
    char byte = 0;
    const auto n =
        flow::retry_interrupted([&] { return ::read(ready_.native_handle(), &byte, 1); });
    if (n == 0 && must_signal_ready_) {
      co_return error(errc::unavailable,
                      "logger " + name_ + " closed its pipe and did not signal readiness");
    }
    if (n >= 0) {
      break;
    }
    if (errno != EAGAIN) {
      co_return system_error("read from logger " + name_);
    }
  }
  flow::error_code ignored;
  ready_.close(ignored);
  co_return result<void>();
}

void logger::give_up() {
  if (ready_.is_open()) {
    terminated_ = true;
    process_->kill();
  }
}

awaitable<bool> logger::wait_ended(flow::clock::duration limit) {
  const auto ended = [this] { return process_->ended(); };
  co_return co_await ended_.wait_for(limit, ended);
}

awaitable<void> logger::join() {
  // Rule 9.
  const bool on_its_own = co_await wait_ended(limits_.end);
  if (!on_its_own) {
    log_.warning("logger did not exit; sending SIGTERM",
                 {{"logger", name_}, {"pid", process_->pid()}});
    terminated_ = true;
    process_->kill(SIGTERM);
  }
  const bool in_time = co_await wait_ended(limits_.terminate);
  if (!in_time) {
    log_.warning("logger did not exit; sending SIGKILL",
                 {{"logger", name_}, {"pid", process_->pid()}});
    process_->kill();
  }
  co_await tasks_.join();
}

}  // namespace shim
