#include "shim/vm/output_log.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "flow/system/pipe.hpp"
#include "shim/config/limits.hpp"

namespace shim {

using flow::awaitable;

output_log::output_log(const flow::asio::any_io_executor& executor, flow::unique_fd from,
                       std::string source, flow::log& log)
    : from_(executor, from.release()), source_(std::move(source)), log_(log), changed_(executor) {}

awaitable<void> output_log::run() {
  std::array<char, limits::output_read> buffer{};
  for (;;) {
    const auto r = co_await from_.async_read_some(flow::asio::buffer(buffer), flow::as_result);
    const auto& [ec, n] = r;
    if (ec) {
      break;
    }
    take({buffer.data(), n});
  }
  if (!line_.empty()) {
    add_line();
  }
  ended_ = true;
  changed_.notify_all();
}

void output_log::take(std::string_view data) {
  for (const char c : data) {
    if (c == '\n') {
      add_line();
    } else if (c != '\r' && line_.size() < limits::output_line) {
      line_ += c;
    }
  }
}

void output_log::add_line() {
  if (!line_.empty()) {
    log_.info("output", {{"source", source_}, {"line", line_}});
    last_.push_back(std::exchange(line_, {}));
    if (last_.size() > limits::kept_output_lines) {
      last_.pop_front();
    }
  }
  changed_.notify_all();
}

std::string output_log::tail() const {
  std::string text;
  for (const auto& line : last_) {
    if (!text.empty()) {
      text += "; ";
    }
    text += line;
  }
  return text;
}

awaitable<bool> output_log::wait_line(std::string text) {
  const auto decided = [&] { return ended_ || contains(text); };
  co_await changed_.wait(decided);
  co_return contains(text);
}

awaitable<void> output_log::wait_end(flow::clock::duration limit) {
  const auto ended = [this] { return ended_; };
  co_await changed_.wait_for(limit, ended);
}

bool output_log::contains(std::string_view text) const {
  return std::any_of(last_.begin(), last_.end(), [text](const std::string& line) {
    return line.find(text) != std::string::npos;
  });
}

flow::result<opened_output_log> open_output_log(const flow::asio::any_io_executor& executor,
                                                std::string source, flow::log& log) {
  auto pair = flow::make_socket_pair(SOCK_STREAM);
  if (!pair) {
    return std::move(pair).error();
  }
  return opened_output_log{
      std::make_unique<output_log>(executor, std::move(pair.value().ours), std::move(source), log),
      std::move(pair.value().theirs)};
}

}  // namespace shim
