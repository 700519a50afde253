// The call that a handler serves: its metadata, and notification that nobody waits for the answer.
//
// A call is cancelled when its deadline expires or its connection ends. The answer to a cancelled
// call is discarded, so a handler that only waits should end; one that changes something should
// finish what it began. A handler is never destroyed half-way. Two ways to detect cancellation:
//
//   while (!exited && !context.cancelled()) {       // wait for something else, woken by either
//     const std::stop_callback wake(context.stop_token(), [&] { changed.notify_all(); });
//     co_await changed.wait();
//   }
//   while (!context.cancelled()) { co_await context.cancellation().wait(); }
//
// Lifetime: outlives its handler. Thread rule: the connection's thread.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/event.hpp"
#include "runtime_api/ttrpc/metadata.hpp"

namespace ttrpc {

class call_context {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  // A call without a connection or deadline, for tests of handlers.
  explicit call_context(boost::asio::any_io_executor executor);

  // `what` is "service/method" as named by the client.
  call_context(boost::asio::any_io_executor executor, std::string what, ttrpc::metadata values,
               std::optional<time_point> deadline);

  const std::string& what() const noexcept { return what_; }

  // The first value of `key`, or nothing.
  std::optional<std::string_view> metadata(std::string_view key) const noexcept;
  const ttrpc::metadata& all_metadata() const noexcept { return metadata_; }

  const std::optional<time_point>& deadline() const noexcept { return deadline_; }

  bool cancelled() const noexcept { return stop_.stop_requested(); }

  // Why the call was cancelled: deadline_exceeded or cancelled.
  const flow::error& cancel_reason() const noexcept { return reason_; }

  // Notified when the call is cancelled; check cancelled() before waiting.
  flow::event& cancellation() noexcept { return cancellation_; }

  // Runs std::stop_callback functions when the call is cancelled, inside cancel(); they must not
  // throw. Can be passed to calls made on behalf of this one.
  std::stop_token stop_token() const noexcept { return stop_.get_token(); }

  // Only the first reason counts.
  void cancel(flow::error reason);

 private:
  std::string what_;
  ttrpc::metadata metadata_;
  std::optional<time_point> deadline_;
  std::stop_source stop_;
  flow::event cancellation_;
  flow::error reason_;
};

}  // namespace ttrpc
