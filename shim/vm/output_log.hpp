// What a guest's console or a child's stderr says: every line into the log, the last ones kept for
// an error message.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

class output_log {
 public:
  // Reads `from`, a pipe or socket of our own. `source` names it in the log, which outlives the
  // object.
  output_log(flow::asio::any_io_executor executor, flow::unique_fd from, std::string source,
             flow::log& log);

  // Returns when the other end is closed, or after close().
  flow::awaitable<void> run();
  void close();

  // The last lines, joined by "; "; empty if nothing was said.
  std::string tail() const;

  // Waits for a line with `text` in it. False: nothing more will be said.
  flow::awaitable<bool> wait_said(std::string text);

 private:
  void take(std::string_view data);
  void add_line();
  bool said(std::string_view text) const;

  boost::asio::posix::stream_descriptor from_;
  std::string source_;
  flow::log& log_;
  std::string line_;
  std::deque<std::string> last_;
  bool ended_ = false;
  flow::event changed_;
};

}  // namespace shim
