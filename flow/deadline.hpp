// Calls a function if a scope takes too long, typically to abort the stream the scope waits for.
//
//   deadline limit(executor, 5s, [&] { stream.abort(); });
//   auto n = co_await stream.read_some(buffer);
//   if (limit.expired()) { co_return error(errc::timed_out, "read header"); }
#pragma once

#include <functional>
#include <memory>

#include "flow/asio.hpp"
#include "flow/clock.hpp"
#include "flow/error.hpp"

namespace flow {

class deadline {
 public:
  // `on_expiry` runs on the executor, at most once, and never after this object is destroyed.
  deadline(const asio::any_io_executor& executor, clock::duration after,
           std::function<void()> on_expiry);
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline();

  bool expired() const noexcept;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace flow
