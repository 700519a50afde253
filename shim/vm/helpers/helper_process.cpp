#include "shim/vm/helpers/helper_process.hpp"

#include <unistd.h>

#include "shim/config/limits.hpp"

namespace shim {

using flow::awaitable;
using flow::result;

result<std::unique_ptr<helper_process>> helper_process::start(const helper_context& context,
                                                              flow::command c,
                                                              const std::string& source) {
  auto errors = open_output_log(context.executor, source, context.log);
  if (!errors) {
    return std::move(errors).error();
  }
  c.descriptors.push_back({errors.value().writer.get(), STDERR_FILENO});
  auto child = child_process::start(context.executor, std::move(c));
  if (!child) {
    return std::move(child).error();
  }
  auto started =
      std::make_unique<helper_process>(std::move(child.value()), std::move(errors.value().reader));
  context.tasks.spawn("stderr of " + source, started->errors_->run());
  return started;
}

helper_process::helper_process(std::unique_ptr<child_process> child,
                               std::unique_ptr<output_log> errors)
    : child_(std::move(child)), errors_(std::move(errors)) {}

awaitable<void> helper_process::wait() {
  co_await child_->wait();
  // Its own end of the pipe is closed; a process that it left behind may hold another.
  co_await errors_->wait_end(limits::last_output);
}

std::string helper_process::end_text(const std::string& detail) const {
  std::string text = child_->end_text();
  if (!detail.empty()) {
    text += " (" + detail + ")";
  }
  if (const auto tail = errors_->tail(); !tail.empty()) {
    text += ": " + tail;
  }
  return text;
}

}  // namespace shim
