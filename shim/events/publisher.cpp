#include "shim/events/publisher.hpp"

#include <algorithm>

#include "containerd/services/events/ttrpc/v1/events.ttrpc.hpp"
#include "flow/system/log_failures.hpp"
#include "runtime_api/ttrpc/unix_socket.hpp"
#include "shim/config/limits.hpp"
#include "shim/support/timestamp.hpp"

namespace shim {

using flow::awaitable;
namespace api = containerd::services::events::ttrpc::v1;

namespace {

// containerd's ttrpc services take the namespace from here.
constexpr const char* namespace_key = "containerd-namespace-ttrpc";

}  // namespace

publisher::publisher(const flow::asio::any_io_executor& executor, std::string address,
                     std::string containerd_namespace, flow::log& log)
    : executor_(executor),
      address_(std::move(address)),
      namespace_(std::move(containerd_namespace)),
      log_(log),
      changed_(executor),
      tasks_(executor, flow::log_failures(log, "publisher")) {}

void publisher::start() {
  if (!address_.empty()) {
    tasks_.spawn("publish events", run());
  }
}

std::uint64_t publisher::publish(const std::string& topic,
                                 const google::protobuf::MessageLite& event) {
  log_.debug("publish", {{"topic", topic}});
  if (address_.empty()) {
    return ++published_;
  }
  api::ForwardRequest request;
  auto& envelope = *request.mutable_envelope();
  *envelope.mutable_timestamp() = timestamp_now();
  envelope.set_namespace_(namespace_);
  envelope.set_topic(topic);
  // containerd compares the url literally: no host in front of the name.
  envelope.mutable_event()->set_type_url(event.GetTypeName());
  event.SerializeToString(envelope.mutable_event()->mutable_value());
  const std::size_t size = request.ByteSizeLong();
  if (queued_ + size > limits::queued_event_bytes) {
    ++dropped_;
    log_.error("event dropped: queue full, containerd is not accepting events",
               {{"topic", topic}, {"dropped", dropped_}});
    return published_;
  }
  queued_ += size;
  queue_.push_back(std::move(request));
  changed_.notify_all();
  return ++published_;
}

awaitable<void> publisher::run() {
  auto retry = limits::first_event_retry;
  const auto wanted = [this] { return !queue_.empty() || stopping_; };
  const auto stopped = [this] { return stopping_; };
  for (;;) {
    co_await changed_.wait(wanted);
    if (queue_.empty()) {
      break;
    }
    // A copy: the queue grows while we wait.
    const api::ForwardRequest head = queue_.front();
    const bool taken = co_await forward(head);
    if (stopping_) {
      break;
    }
    if (taken) {
      queued_ -= head.ByteSizeLong();
      queue_.pop_front();
      retry = limits::first_event_retry;
      changed_.notify_all();
      continue;
    }
    // A floor: new events do not shorten the pause.
    co_await changed_.wait_for(retry, stopped);
    retry = std::min(retry * 2, limits::last_event_retry);
  }
  co_await disconnect();
}

awaitable<bool> publisher::forward(const api::ForwardRequest& one) {
  if (!client_) {
    auto connection = co_await ttrpc::connect_unix(address_);
    if (!connection) {
      log_.debug("cannot connect to containerd", {{"err", connection.error().message()}});
      co_return false;
    }
    client_ = std::make_unique<ttrpc::client>(executor_, std::move(connection.value()), log_);
  }
  const api::events_client events(*client_);
  ttrpc::call_options options(limits::forward_event);
  options.metadata = {{namespace_key, namespace_}};
  const auto forwarded = co_await events.forward(one, options);
  if (forwarded) {
    co_return true;
  }
  log_.debug("containerd did not accept the event, will retry",
             {{"err", forwarded.error().message()}});
  co_await disconnect();
  co_return false;
}

awaitable<void> publisher::disconnect() {
  if (!client_) {
    co_return;
  }
  client_->close();
  co_await client_->join();
  client_.reset();
}

awaitable<void> publisher::flush(flow::clock::duration limit) {
  const auto flushed = [this] { return queue_.empty() || tasks_.size() == 0; };
  co_await changed_.wait_for(limit, flushed);
  if (!queue_.empty()) {
    log_.warning("events not accepted by containerd", {{"count", queue_.size()}});
  }
  stopping_ = true;
  queue_.clear();
  changed_.notify_all();
  if (client_) {
    client_->close();
  }
  co_await tasks_.join();
}

}  // namespace shim
