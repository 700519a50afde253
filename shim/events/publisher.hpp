// Publishes events to containerd, in order, however long containerd cannot be reached.
//
// Publishing never waits: events are queued, and the head of the queue is sent again, after a pause
// that doubles from limits::first_event_retry to limits::last_event_retry, until containerd has
// accepted it, so that order is kept. An event that was accepted but not answered (containerd was
// killed in between) is sent again, so containerd may receive an event twice then, but never out of
// order. The queue is bounded by limits::queued_event_bytes, years of events of a task; it is for a
// containerd that never comes back. An event that does not fit is dropped, counted and logged as an
// error; what is queued keeps its order.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "containerd/services/events/ttrpc/v1/events.pb.h"
#include "flow/asio.hpp"
#include "flow/clock.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/client.hpp"

namespace shim {

class publisher {
 public:
  // `address` is the path of containerd's ttrpc socket; if it is empty, events are discarded. `log`
  // outlives the object.
  publisher(const flow::asio::any_io_executor& executor, std::string address,
            std::string containerd_namespace, flow::log& log);
  publisher(const publisher&) = delete;
  publisher& operator=(const publisher&) = delete;

  // `topic` is "/tasks/create" and so on, `event` the message of containerd.events that goes with
  // it. Returns its number, from 1 on; that of the one before if it was dropped.
  std::uint64_t publish(const std::string& topic, const google::protobuf::MessageLite& event);

  // The number of the last event that is no longer queued.
  std::uint64_t taken() const noexcept { return published_ - queue_.size(); }

  // Events that did not fit into the queue.
  std::size_t dropped() const noexcept { return dropped_; }

  // The namespace of all events, and of the shim.
  const std::string& containerd_namespace() const noexcept { return namespace_; }

  void start();

  // Returns when containerd has accepted all events, or `limit` has passed; nothing runs any more
  // then. What was not accepted is logged.
  flow::awaitable<void> flush(flow::clock::duration limit);

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
