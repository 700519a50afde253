// Tells containerd what happened, in order, however long containerd is away.
//
// Publishing never waits: events queue up, and the head of the queue is tried again until
// containerd has taken it, so that order is kept. What is taken but not answered (containerd was
// killed in between) is sent again, so containerd may hear of an event twice then, but never out of
// order. The queue is bounded: an event that does not fit any more is dropped, which is counted and
// logged as an error; what is queued keeps its order.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "containerd/services/events/ttrpc/v1/events.pb.h"
#include "flow/asio.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/client.hpp"

namespace shim {

class publisher {
 public:
  // `address` is the path of containerd's ttrpc socket; with an empty one events go nowhere. `log`
  // outlives the object.
  publisher(flow::asio::any_io_executor executor, std::string address,
            std::string containerd_namespace, flow::log& log);
  publisher(const publisher&) = delete;
  publisher& operator=(const publisher&) = delete;

  // What is queued at most, in bytes of messages. A task has events only when somebody acts on it
  // or it ends, so this is years of a containerd that is away; it is for one that never comes back.

  // `topic` is "/tasks/create" and so on, `event` the message of containerd.events that goes with
  // it. Returns its number, from 1 on; that of the one before if it was dropped.
  std::uint64_t publish(const std::string& topic, const google::protobuf::MessageLite& event);

  // The number of the last event that nobody waits for any more.
  std::uint64_t taken() const noexcept { return published_ - queue_.size(); }

  // Events that did not fit into the queue.
  std::size_t dropped() const noexcept { return dropped_; }

  // That of all events, and of the shim.
  const std::string& containerd_namespace() const noexcept { return namespace_; }

  void start();

  // Returns when all was taken by containerd, or `limit` has passed; nothing runs any more then.
  flow::awaitable<void> flush(std::chrono::steady_clock::duration limit);

 private:
  flow::awaitable<void> run();
  flow::awaitable<bool> forward(const containerd::services::events::ttrpc::v1::ForwardRequest& one);
  flow::awaitable<void> disconnect();

  flow::asio::any_io_executor executor_;
  std::string address_;
  std::string namespace_;
  flow::log& log_;
  std::deque<containerd::services::events::ttrpc::v1::ForwardRequest> queue_;
  std::uint64_t published_ = 0;
  std::size_t queued_ = 0;  // bytes
  std::size_t dropped_ = 0;
  std::unique_ptr<ttrpc::client> client_;
  bool stopping_ = false;
  flow::event changed_;
  flow::task_group tasks_;
};

}  // namespace shim
