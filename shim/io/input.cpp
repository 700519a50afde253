#include "shim/io/input.hpp"

#include <vector>

#include "flow/system/log_failures.hpp"
#include "shim/config/limits.hpp"

namespace shim {

using flow::awaitable;

input::input(const flow::asio::any_io_executor& executor, std::unique_ptr<source> from,
             flow::log& log)
    : from_(std::move(from)), tasks_(executor, flow::log_failures(log, "stdin")) {}

void input::start(flow::stream& to) {
  tasks_.spawn("read stdin", run(to));
}

awaitable<void> input::run(flow::stream& to) {
  std::vector<char> buffer(limits::transfer_buffer);
  for (;;) {
    const auto n = co_await from_->read_some(flow::asio::buffer(buffer));
    if (!n) {
      break;
    }
    const auto sent = co_await to.write(flow::asio::buffer(buffer.data(), n.value()));
    // The process closed its stdin; a client that writes on sees EPIPE, as with a pipe.
    if (!sent) {
      break;
    }
  }
  from_->close();
  static_cast<void>(co_await to.shutdown_write());
}

void input::stop() {
  from_->close();
}

awaitable<void> input::join() {
  co_await tasks_.join();
}

}  // namespace shim
