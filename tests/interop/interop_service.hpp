// The two services of streaming.proto, as the Go side expects them to behave.
#pragma once

#include "streaming.ttrpc.hpp"

namespace interop {

namespace rpc = ttrpc::integration::streaming;
using empty = google::protobuf::Empty;
template <class T>
using answer = flow::awaitable<flow::result<T>>;

class streaming final : public rpc::streaming_service {
 public:
  // Adds one to seq.
  answer<rpc::EchoPayload> echo(ttrpc::call_context& context,
                                const rpc::EchoPayload& request) override;
  answer<void> echo_stream(ttrpc::call_context& context, ttrpc::stream_reader<rpc::EchoPayload> in,
                           ttrpc::stream_writer<rpc::EchoPayload> out) override;
  answer<rpc::Sum> sum_stream(ttrpc::call_context& context,
                              ttrpc::stream_reader<rpc::Part> in) override;

  // num parts that add up to sum.
  answer<void> divide_stream(ttrpc::call_context& context, const rpc::Sum& request,
                             ttrpc::stream_writer<rpc::Part> out) override;

  // Expects messages numbered from 0.
  answer<empty> echo_null(ttrpc::call_context& context,
                          ttrpc::stream_reader<rpc::EchoPayload> in) override;
  answer<void> echo_null_stream(ttrpc::call_context& context,
                                ttrpc::stream_reader<rpc::EchoPayload> in,
                                ttrpc::stream_writer<empty> out) override;

  // Messages 1 to 5.
  answer<void> empty_payload_stream(ttrpc::call_context& context, const empty& request,
                                    ttrpc::stream_writer<rpc::EchoPayload> out) override;
};

class extra final : public rpc::interop_service {
 public:
  answer<rpc::EchoPayload> fail(ttrpc::call_context& context,
                                const rpc::EchoPayload& request) override;
  answer<rpc::EchoPayload> fill(ttrpc::call_context& context,
                                const rpc::EchoPayload& request) override;
  answer<rpc::EchoPayload> wait(ttrpc::call_context& context,
                                const rpc::EchoPayload& request) override;
  answer<rpc::EchoPayload> metadata(ttrpc::call_context& context,
                                    const rpc::EchoPayload& request) override;
};

}  // namespace interop
