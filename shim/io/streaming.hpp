// Streams of processes that clients connect to us, over the connection they call us on, instead of
// us opening their FIFOs: containerd's CRI with io_type = "streaming".
//
//   client                                   shim
//   Stream() StreamInit{id}             ->   finds the process's stream of that name
//                                       <-   Empty
//   output:  WindowUpdate{n}            ->   may send n bytes more
//                                       <-   Data ... end
//   input:                              <-   WindowUpdate{n}
//            Data ... end               ->
//
// Rule 10 of shim/DESIGN.md, "Delivery": a client may connect before the process is created, and
// again after its connection was lost; one at a time. What was handed to a connection counts as
// read.
#pragma once

#include <map>
#include <string>

#include "containerd/services/streaming/v1/streaming.ttrpc.hpp"
#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"

namespace shim {

class streaming final : public containerd::services::streaming::v1::streaming_service {
 public:
  using any = google::protobuf::Any;

  // A stream of a process, as the process's side sees it. Outlived by the service.
  class endpoint {
   public:
    enum class way { input, output };

    // errc::invalid_argument if `id` is empty, or another stream of a process has it.
    static flow::result<std::unique_ptr<endpoint>> make(streaming& owner, std::string id, way to);
    endpoint(streaming& owner, std::string id, way to);
    endpoint(const endpoint&) = delete;
    endpoint& operator=(const endpoint&) = delete;
    ~endpoint();

    bool attached() const noexcept { return peer_ != nullptr; }

    // Waits for a client whose window is open, and hands over at least one byte. errc::aborted after
    // close(), unless some were being sent.
    flow::awaitable<flow::result<std::size_t>> write_some(flow::asio::const_buffer data);

    // Waits for at least one byte. boost::asio::error::eof when the client has ended the stream, or
    // after end_input() and what had come before; errc::aborted after close().
    flow::awaitable<flow::result<std::size_t>> read_some(flow::asio::mutable_buffer buffer);
    void end_input();

    // A client that is attached sees the end, behind all that was written.
    void close();

   private:
    friend class streaming;
    struct peer;

    flow::awaitable<void> grant_window();
    flow::awaitable<bool> send(peer& to, any message);

    streaming& owner_;
    std::string id_;
    way way_;
    peer* peer_ = nullptr;
    std::string input_;
    bool input_ended_ = false;
    bool closed_ = false;
  };

  // `log` outlives the object.
  streaming(const flow::asio::any_io_executor& executor, flow::log& log);

  // The call of a client; lasts as long as it is attached.
  flow::awaitable<flow::result<void>> stream(ttrpc::call_context& call,
                                             ttrpc::stream_reader<any> in,
                                             ttrpc::stream_writer<any> out) override;

 private:
  flow::awaitable<flow::result<void>> serve(ttrpc::call_context& call, std::string id,
                                            ttrpc::stream_reader<any> in,
                                            ttrpc::stream_writer<any> out);
  flow::awaitable<void> receive(endpoint::peer& from, std::string id, const endpoint* to);
  void accept(endpoint::peer& from, endpoint& to, const any& message);
  endpoint* find(const std::string& id);

  flow::asio::any_io_executor executor_;
  flow::log& log_;
  std::map<std::string, endpoint*> endpoints_;
  flow::event changed_;
};

}  // namespace shim
