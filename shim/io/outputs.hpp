// The outputs of a process, stdout and stderr or the one of its terminal, on the way to their
// clients. What is asked of both is asked at once: a reader that stalls on one does not start the
// other's clock late.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/stream.hpp"
#include "flow/system/log.hpp"
#include "shim/config/limits.hpp"
#include "shim/io/delivery.hpp"
#include "shim/io/sink.hpp"

namespace shim {

class outputs {
 public:
  // `name` is the process's, for the log; `limits` and `log` outlive the object.
  outputs(flow::asio::any_io_executor executor, std::string name, const delivery_limits& limits,
          flow::log& log);

  // Before start(); each at most once.
  void deliver_stdout(std::unique_ptr<sink> to);
  void deliver_stderr(std::unique_ptr<sink> to);
  bool has_stdout() const noexcept { return stdout_ != nullptr; }
  bool has_stderr() const noexcept { return stderr_ != nullptr; }

  // The streams of those that are delivered; see delivery::start().
  void start(flow::stream* out, flow::stream* err);
  void start_without_streams();

  // See delivery; of both.
  flow::awaitable<void> wait_safe(std::uint64_t stdout_bytes, std::uint64_t stderr_bytes);
  flow::awaitable<void> wait_safe_to_end();
  void expedite();
  void take_all();
  flow::awaitable<void> wait_received();

  // Returns when both have lingered and nothing runs any more.
  flow::awaitable<void> linger();

  output_reports report() const;

  // A line for each, at level info.
  void log_report() const;

 private:
  std::unique_ptr<delivery> make(const char* stream, std::unique_ptr<sink> to) const;
  void each(void (delivery::*call)()) const;
  flow::awaitable<void> both(flow::awaitable<void> (delivery::*wait)());

  flow::asio::any_io_executor executor_;
  std::string name_;
  const delivery_limits& limits_;
  flow::log& log_;
  std::unique_ptr<delivery> stdout_;
  std::unique_ptr<delivery> stderr_;
};

}  // namespace shim
