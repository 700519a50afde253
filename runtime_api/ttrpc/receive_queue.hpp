// The receiving half of one stream: messages in order, then its end.
//
//   push() push() finish()   ->   pop() message, pop() message, pop() end, pop() end ...
//   push() fail(e)           ->   pop() message, pop() e, pop() e ...
//
// The first end counts; anything after an end is dropped. Bounded by limits::stream_*; a pusher
// waits for room first. Holds no memory while empty.
//
// Thread rule: one thread; one coroutine pops, one waits for room. Must outlive both.
#pragma once

#include <list>
#include <optional>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/event.hpp"
#include "runtime_api/ttrpc/limits.hpp"
#include "runtime_api/ttrpc/message_stream.hpp"

namespace ttrpc {

class receive_queue {
 public:
  receive_queue(const boost::asio::any_io_executor& executor, const limits& allowed);

  // Waits for room as long as limits::stream_stall allows. False if there is still none. An ended
  // queue always has room, since it drops everything.
  flow::awaitable<bool> wait_room();

  void push(std::string message);
  void finish();
  void fail(flow::error reason);

  bool ended() const noexcept { return ended_; }

  // Why the stream failed; nothing if it did not.
  const std::optional<flow::error>& failure() const noexcept { return failure_; }

  flow::awaitable<flow::result<received>> pop(std::string& message);

 private:
  bool has_room() const noexcept;

  limits limits_;
  std::list<std::string> messages_;
  std::size_t bytes_ = 0;
  bool ended_ = false;
  std::optional<flow::error> failure_;
  flow::event changed_;
};

}  // namespace ttrpc
