#include "shim/vm/qemu/qmp.hpp"

#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <span>

#include "flow/system/scm_rights.hpp"
#include "shim/config/limits.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
namespace json = boost::json;

qmp::qmp(const flow::asio::any_io_executor& executor, flow::unique_fd socket,
         event_handler on_event)
    : socket_(executor, socket.release()), on_event_(std::move(on_event)), changed_(executor) {}

awaitable<void> qmp::run() {
  std::string line;
  for (;;) {
    const bool complete = co_await read_line(line);
    if (!complete) {
      break;
    }
    flow::error_code ec;
    const auto message = json::parse(line, ec);
    if (ec || !message.is_object()) {
      end_reason_ = errc::protocol;
      break;
    }
    dispatch(message.as_object());
  }
  ended_ = true;
  changed_.notify_all();
}

awaitable<bool> qmp::read_line(std::string& line) {
  for (;;) {
    if (const auto end = input_.find('\n'); end != std::string::npos) {
      line = input_.substr(0, end);
      input_.erase(0, end + 1);
      co_return true;
    }
    if (input_.size() > limits::monitor_line) {
      end_reason_ = errc::protocol;
      co_return false;
    }
    const auto held = input_.size();
    input_.resize(held + limits::monitor_read);
    const auto space = flow::asio::buffer(input_.data() + held, limits::monitor_read);
    const auto r = co_await socket_.async_read_some(space, flow::as_result);
    const auto& [ec, n] = r;
    input_.resize(held + n);
    if (ec) {
      co_return false;
    }
  }
}

void qmp::dispatch(const json::object& message) {
  if (message.contains("QMP")) {
    greeted_ = true;
  } else if (const auto* name = message.if_contains("event"); name != nullptr) {
    const auto* data = message.if_contains("data");
    if (name->is_string()) {
      on_event_(std::string(name->as_string()),
                data != nullptr && data->is_object() ? data->as_object() : json::object());
    }
  } else if (const auto* id = message.if_contains("id"); id != nullptr && id->is_int64()) {
    const auto call = calls_.find(id->as_int64());
    if (call == calls_.end()) {
      return;
    }
    const auto* returned = message.if_contains("return");
    const auto* failed = message.if_contains("error");
    if (returned != nullptr) {
      call->second = *returned;
    } else if (failed != nullptr && failed->is_object() && failed->as_object().contains("desc") &&
               failed->as_object().at("desc").is_string()) {
      call->second = error(errc::unavailable,
                           "qemu: " + std::string(failed->as_object().at("desc").as_string()));
    } else {
      call->second = error(errc::protocol, "qemu: answer with neither return nor error");
    }
  }
  changed_.notify_all();
}

awaitable<result<json::value>> qmp::execute(std::string command, json::object arguments,
                                            int descriptor) {
  const auto free = [this] { return !busy_; };
  co_await changed_.wait(free);
  busy_ = true;
  auto answer = co_await execute_alone(std::move(command), std::move(arguments), descriptor);
  busy_ = false;
  changed_.notify_all();
  co_return answer;
}

awaitable<result<json::value>> qmp::execute_alone(std::string command, json::object arguments,
                                                  int descriptor) {
  if (!negotiated_) {
    const auto done = co_await negotiate();
    if (!done) {
      co_return done.error();
    }
  }
  co_return co_await call(std::move(command), std::move(arguments), descriptor);
}

awaitable<result<void>> qmp::negotiate() {
  const auto decided = [this] { return greeted_ || ended_; };
  co_await changed_.wait(decided);
  const auto done = co_await call("qmp_capabilities", json::object(), -1);
  if (!done) {
    co_return done.error();
  }
  negotiated_ = true;
  co_return result<void>();
}

awaitable<result<json::value>> qmp::call(std::string command, json::object arguments,
                                         int descriptor) {
  const auto id = next_id_++;
  json::object request{{"execute", command}, {"id", id}};
  if (!arguments.empty()) {
    request["arguments"] = std::move(arguments);
  }

  calls_.emplace(id, std::nullopt);
  const bool sent = co_await send(json::serialize(request) + "\n", descriptor);
  const auto decided = [&] { return !sent || ended_ || calls_.at(id); };
  co_await changed_.wait(decided);
  auto answer = std::move(calls_.extract(id).mapped());
  if (!answer) {
    co_return error(end_reason_, "qemu: " + command);
  }
  co_return std::move(*answer);
}

// The descriptor travels with the first byte: QEMU keeps it for the command that it reads next.
awaitable<bool> qmp::send(std::string line, int descriptor) {
  const auto first = std::as_bytes(std::span(line)).first(1);
  bool handed_over = descriptor < 0;
  while (!handed_over) {
    const auto sent =
        flow::send_with_descriptors(socket_.native_handle(), first, std::span(&descriptor, 1));
    if (sent) {
      line.erase(0, 1);
      handed_over = true;
    } else if (sent.error().code() != boost::system::errc::resource_unavailable_try_again) {
      co_return false;
    } else {
      const auto r = co_await socket_.async_wait(boost::asio::posix::descriptor_base::wait_write,
                                                 flow::as_result);
      if (std::get<0>(r)) {
        co_return false;
      }
    }
  }
  const auto buffer = flow::asio::buffer(line);
  const auto r = co_await flow::asio::async_write(socket_, buffer, flow::as_result);
  co_return !std::get<0>(r);
}

}  // namespace shim
