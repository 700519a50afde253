#include "shim/io/streaming.hpp"

#include <algorithm>
#include <cstring>
#include <stop_token>

#include "containerd/types/transfer/streaming.pb.h"
#include "flow/system/log_failures.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
using ttrpc::code;
namespace transfer = containerd::types::transfer;

namespace {

template <class Message>
streaming::any wrap(const char* type, const Message& message) {
  streaming::any wrapped;
  wrapped.set_type_url(type);
  wrapped.set_value(message.SerializeAsString());
  return wrapped;
}

template <class Message>
bool unwrap(const streaming::any& from, std::string_view type, Message& to) {
  const std::string& url = from.type_url();
  return std::string_view(url).substr(url.rfind('/') + 1) == type &&
         to.ParseFromString(from.value());
}

constexpr const char* data_type = "containerd.types.transfer.Data";
constexpr const char* window_type = "containerd.types.transfer.WindowUpdate";

}  // namespace

// An attached client.
struct streaming::endpoint::peer {
  ttrpc::stream_reader<any> in;
  ttrpc::stream_writer<any> out;
  std::int64_t window = 0;   // bytes it lets us send
  std::int64_t granted = 0;  // bytes we have let it send
  bool broken = false;       // it has disconnected, or violated the protocol
  bool writing = false;
};

// --- the process's side ------------------------------------------------------------------------

result<std::unique_ptr<streaming::endpoint>> streaming::endpoint::make(streaming& owner,
                                                                       std::string id, way to) {
  if (id.empty()) {
    return error(errc::invalid_argument, "stream without an id: name it by ?streaming_id=");
  }
  if (owner.endpoints_.contains(id)) {
    return error(errc::invalid_argument, "stream " + id + " belongs to another process");
  }
  return std::make_unique<endpoint>(owner, std::move(id), to);
}

streaming::endpoint::endpoint(streaming& owner, std::string id, way to)
    : owner_(owner), id_(std::move(id)), way_(to) {
  owner_.endpoints_[id_] = this;
  owner_.changed_.notify_all();
}

streaming::endpoint::~endpoint() {
  owner_.endpoints_.erase(id_);
  owner_.changed_.notify_all();
}

void streaming::endpoint::close() {
  closed_ = true;
  owner_.changed_.notify_all();
}

void streaming::endpoint::end_input() {
  input_ended_ = true;
  owner_.changed_.notify_all();
}

awaitable<result<std::size_t>> streaming::endpoint::write_some(flow::asio::const_buffer data) {
  while (!closed_) {
    if (peer_ == nullptr || peer_->window == 0 || peer_->broken) {
      co_await owner_.changed_.wait();
      continue;
    }
    peer& to = *peer_;
    const auto n =
        std::min({data.size(), limits::streamed_message, static_cast<std::size_t>(to.window)});
    transfer::Data message;
    message.set_data(data.data(), n);
    to.window -= static_cast<std::int64_t>(n);
    const bool sent = co_await send(to, wrap(data_type, message));
    if (sent) {
      co_return n;
    }
  }
  co_return error(errc::aborted, "write to stream");
}

awaitable<void> streaming::endpoint::grant_window() {
  transfer::WindowUpdate update;
  update.set_update(static_cast<std::int32_t>(limits::input_window));
  peer_->granted += limits::input_window;
  static_cast<void>(co_await send(*peer_, wrap(window_type, update)));
}

awaitable<bool> streaming::endpoint::send(peer& to, any message) {
  to.writing = true;
  const auto written = co_await to.out.write(message);
  to.writing = false;
  to.broken = to.broken || !written;
  owner_.changed_.notify_all();
  co_return written.has_value();
}

awaitable<result<std::size_t>> streaming::endpoint::read_some(flow::asio::mutable_buffer buffer) {
  while (!closed_) {
    if (!input_.empty()) {
      const auto n = std::min(buffer.size(), input_.size());
      std::memcpy(buffer.data(), input_.data(), n);
      input_.erase(0, n);
      co_return n;
    }
    if (input_ended_) {
      co_return error(boost::asio::error::eof);
    }
    if (peer_ != nullptr && !peer_->broken && peer_->granted == 0) {
      co_await grant_window();
    } else {
      co_await owner_.changed_.wait();
    }
  }
  co_return error(errc::aborted, "read from stream");
}

// --- the client's side -------------------------------------------------------------------------

streaming::streaming(const flow::asio::any_io_executor& executor, flow::log& log)
    : executor_(executor), log_(log), changed_(executor) {}

streaming::endpoint* streaming::find(const std::string& id) {
  const auto found = endpoints_.find(id);
  return found == endpoints_.end() || found->second->closed_ ? nullptr : found->second;
}

awaitable<result<void>> streaming::stream(ttrpc::call_context& call, ttrpc::stream_reader<any> in,
                                          ttrpc::stream_writer<any> out) {
  any first;
  const auto got = co_await in.read(first);
  if (!got) {
    co_return got.error();
  }
  containerd::services::streaming::v1::StreamInit init;
  if (!unwrap(first, "containerd.services.streaming.v1.StreamInit", init) || init.id().empty()) {
    co_return error(code::invalid_argument, "the first message must be a StreamInit with an id");
  }
  any ready;
  ready.set_type_url("google.protobuf.Empty");
  const auto told = co_await out.write(ready);
  if (!told) {
    co_return told;
  }
  co_return co_await serve(call, init.id(), in, out);
}

awaitable<result<void>> streaming::serve(ttrpc::call_context& call, std::string id,
                                         ttrpc::stream_reader<any> in,
                                         ttrpc::stream_writer<any> out) {
  const std::stop_callback wake(call.stop_token(), [this] { changed_.notify_all(); });
  const auto there = [&] { return call.cancelled() || find(id) != nullptr; };
  co_await changed_.wait(there);
  if (call.cancelled()) {
    co_return call.cancel_reason();
  }
  endpoint* const process = find(id);
  if (process->attached()) {
    co_return error(code::already_exists, "stream " + id + " is already connected");
  }
  endpoint::peer client{in, out};
  process->peer_ = &client;
  changed_.notify_all();
  const auto disconnect = [&] {
    client.broken = true;
    changed_.notify_all();
  };
  flow::task_group reading(executor_, flow::log_failures(log_, "stream " + id, disconnect));
  reading.spawn("receive", receive(client, id, process));
  const auto over = [&] { return call.cancelled() || client.broken || find(id) != process; };
  co_await changed_.wait(over);
  // From here on nobody writes to it.
  client.broken = true;
  const auto written = [&] { return !client.writing; };
  co_await changed_.wait(written);
  if (const auto found = endpoints_.find(id);
      found != endpoints_.end() && found->second->peer_ == &client) {
    found->second->peer_ = nullptr;
  }
  in.stop();
  co_await reading.join();
  co_return result<void>();
}

// What comes from the client belongs to the process's stream, as long as that is there.
awaitable<void> streaming::receive(endpoint::peer& from, std::string id, const endpoint* to) {
  while (!from.broken) {
    any message;
    const auto got = co_await from.in.read(message);
    endpoint* const process = find(id);
    const bool usable = got && !from.broken && process == to;
    if (usable && got.value() == ttrpc::received::message) {
      accept(from, *process, message);
    } else if (usable && process->way_ == endpoint::way::input) {
      process->input_ended_ = true;
      break;
    } else {
      from.broken = true;  // its connection was lost, or it ended the call
    }
    changed_.notify_all();
  }
  changed_.notify_all();
}

void streaming::accept(endpoint::peer& from, endpoint& to, const any& message) {
  transfer::Data data;
  transfer::WindowUpdate update;
  if (unwrap(message, window_type, update)) {
    from.window = std::min(from.window + std::max(update.update(), 0), limits::output_window);
  } else if (unwrap(message, data_type, data) &&
             static_cast<std::int64_t>(data.data().size()) <= from.granted) {
    from.granted -= static_cast<std::int64_t>(data.data().size());
    to.input_ += data.data();
  } else {
    from.broken = true;
  }
}

}  // namespace shim
