// The output of a guest's console or a child's stderr: every line goes into the log, and the last
// ones are kept for an error message.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

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
  output_log(const flow::asio::any_io_executor& executor, flow::unique_fd from, std::string source,
             flow::log& log);

  // Reads; returns when the other end is closed.
  flow::awaitable<void> run();

  // The last lines, joined by "; "; empty if there was no output.
  std::string tail() const;

  // Waits for a line that contains `text` and is one of the last ones. False: the output ended
  // without it.
  flow::awaitable<bool> wait_line(std::string text);

  // Returns when run() has read everything, at the latest after `limit`.
  flow::awaitable<void> wait_end(flow::clock::duration limit);

 private:
  void take(std::string_view data);
  void add_line();
  bool contains(std::string_view text) const;

  boost::asio::posix::stream_descriptor from_;
  std::string source_;
  flow::log& log_;
  std::string line_;
  std::deque<std::string> last_;
  bool ended_ = false;
  flow::event changed_;
};

// An output_log that is not running yet, and the end that it reads from, a socket, for somebody
// else to write to.
struct opened_output_log {
  std::unique_ptr<output_log> reader;
  flow::unique_fd writer;
};
flow::result<opened_output_log> open_output_log(const flow::asio::any_io_executor& executor,
                                                std::string source, flow::log& log);

}  // namespace shim
