#include "shim/vm/output_log.hpp"

#include <fcntl.h>

#include <array>
#include <boost/asio/read.hpp>

namespace shim {

using flow::awaitable;

namespace {

// The guest decides what it says and how much: both are bounded here.
constexpr std::size_t max_line = 512;
constexpr std::size_t kept_lines = 8;

}  // namespace

output_log::output_log(flow::asio::any_io_executor executor, flow::unique_fd from,
                       std::string source, flow::log& log)
    : from_(executor, from.release()), source_(std::move(source)), log_(log), changed_(executor) {}

awaitable<void> output_log::run() {
  std::array<char, 1024> buffer{};
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

void output_log::close() {
  flow::error_code ignored;
  from_.close(ignored);
}

void output_log::take(std::string_view data) {
  for (const char c : data) {
    if (c == '\n') {
      add_line();
    } else if (c != '\r' && line_.size() < max_line) {
      line_ += c;
    }
  }
}

void output_log::add_line() {
  if (!line_.empty()) {
    log_.info("said", {{"source", source_}, {"line", line_}});
    last_.push_back(std::exchange(line_, {}));
    if (last_.size() > kept_lines) {
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

awaitable<bool> output_log::wait_said(std::string text) {
  while (!said(text) && !ended_) {
    co_await changed_.wait();
  }
  co_return said(text);
}

bool output_log::said(std::string_view text) const {
  for (const auto& line : last_) {
    if (line.find(text) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace shim
