// QEMU's monitor: commands and events as lines of JSON (the QEMU Machine Protocol).
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/event.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

class qmp {
 public:
  // Called for each event with its name ("SHUTDOWN") and data.
  using event_handler =
      std::function<void(const std::string& name, const boost::json::object& data)>;

  // `socket` is our end of QEMU's monitor.
  qmp(const flow::asio::any_io_executor& executor, flow::unique_fd socket, event_handler on_event);

  // Reads until QEMU closes the monitor, or sends what is not QMP; calls under way fail then.
  flow::awaitable<void> run();

  // The value of "return". An error of QEMU carries its own description; errc::protocol if its
  // output is not QMP; errc::closed if it has closed the monitor. Requires run() to be running;
  // calls wait for each other. The first call negotiates the protocol's capabilities beforehand.
  // A descriptor, -1: none, is handed over with the command; it is borrowed until the call returns.
  flow::awaitable<flow::result<boost::json::value>> execute(
      std::string command, boost::json::object arguments = boost::json::object(),
      int descriptor = -1);

 private:
  flow::awaitable<flow::result<boost::json::value>> execute_alone(std::string command,
                                                                  boost::json::object arguments,
                                                                  int descriptor);
  flow::awaitable<flow::result<boost::json::value>> call(std::string command,
                                                         boost::json::object arguments,
                                                         int descriptor);
  flow::awaitable<bool> send(std::string line, int descriptor);
  flow::awaitable<flow::result<void>> negotiate();
  flow::awaitable<bool> read_line(std::string& line);
  void dispatch(const boost::json::object& message);

  boost::asio::posix::stream_descriptor socket_;
  event_handler on_event_;
  flow::event changed_;
  std::string input_;
  bool busy_ = false;  // a call is under way
  bool greeted_ = false;
  bool negotiated_ = false;
  bool ended_ = false;
  flow::errc end_reason_ = flow::errc::closed;
  std::int64_t next_id_ = 1;
  std::map<std::int64_t, std::optional<flow::result<boost::json::value>>> calls_;
};

}  // namespace shim
