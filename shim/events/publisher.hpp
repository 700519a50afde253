// Tells containerd what happened, in order, however long containerd is away.
//
// Publishing never waits: events queue up, and the head of the queue is tried again until
// containerd has taken it, so that order is kept.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "containerd/services/events/ttrpc/v1/events.pb.h"
#include "flow/asio.hpp"
#include "flow/event.hpp"
#include "flow/log.hpp"
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

  // `topic` is "/tasks/create" and so on, `event` the message of containerd.events that goes with
  // it. Returns its number; they count from 1.
  std::uint64_t publish(const std::string& topic, const google::protobuf::MessageLite& event);

  // The number of the last event that nobody waits for any more.
  std::uint64_t taken() const noexcept { return published_ - queue_.size(); }

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
  std::unique_ptr<ttrpc::client> client_;
  bool stopping_ = false;
  flow::event changed_;
  flow::task_group tasks_;
};

}  // namespace shim
