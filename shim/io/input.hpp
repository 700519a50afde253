// Brings a client's stdin to the stream of a process.
#pragma once

#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/stream.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/io/source.hpp"

namespace shim {

class input {
 public:
  // `log` outlives the object.
  input(const flow::asio::any_io_executor& executor, std::unique_ptr<source> from, flow::log& log);
  input(const input&) = delete;
  input& operator=(const input&) = delete;

  // `to` outlives join(). Once.
  void start(flow::stream& to);

  // The client will send no more: after what it has sent the process sees the end of its input.
  // May be called at any time, before start() and repeatedly; never waits.
  void close_io() noexcept { from_->close_input(); }

  // The process has exited: what was not sent is discarded.
  void stop();

  // Returns when nothing runs any more.
  flow::awaitable<void> join();

 private:
  flow::awaitable<void> run(flow::stream& to);

  std::unique_ptr<source> from_;
  flow::task_group tasks_;
};

}  // namespace shim
