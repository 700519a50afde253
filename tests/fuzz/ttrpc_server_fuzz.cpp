// A whole server against any data from a peer: it must end cleanly, and its output must be frames,
// at most as many as it received.
//
// Input: one byte that determines how the rest is cut, then the data of a peer.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "runtime_api/ttrpc/codec.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "test.ttrpc.hpp"
#include "ttrpc/ttrpc.pb.h"

namespace {

namespace asio = boost::asio;
using flow::awaitable;
using flow::result;
using tests::rpc::Payload;

void require(bool holds) {
  if (!holds) {
    __builtin_trap();
  }
}

class echo_service final : public tests::rpc::test_service {
 public:
  awaitable<result<Payload>> echo(ttrpc::call_context& /*context*/,
                                  const Payload& request) override {
    co_return request;
  }

  awaitable<result<Payload>> wait(ttrpc::call_context& context, const Payload& request) override {
    while (!context.cancelled()) {
      co_await context.cancellation().wait();
    }
    co_return request;
  }

  awaitable<result<void>> chat(ttrpc::call_context& /*context*/, ttrpc::stream_reader<Payload> in,
                               ttrpc::stream_writer<Payload> out) override {
    Payload next;
    for (;;) {
      const auto got = co_await in.read(next);
      if (!got || *got == ttrpc::received::end) {
        co_return result<void>();
      }
      const auto written = co_await out.write(next);
      if (!written) {
        co_return written.error();
      }
    }
  }
};

// Delivers the input in pieces, then ends; keeps all written data.
class fuzzed_stream final : public ttrpc::byte_stream {
 public:
  fuzzed_stream(asio::any_io_executor executor, std::string_view input, std::size_t piece,
                std::string& output)
      : executor_(std::move(executor)), input_(input), piece_(piece), output_(output) {}

  awaitable<result<std::size_t>> read_some(asio::mutable_buffer buffer) override {
    // Lets the handlers run in between.
    co_await asio::post(executor_, asio::use_awaitable);
    if (input_.empty() || closed_) {
      co_return flow::error_code(asio::error::eof);
    }
    const std::size_t n = asio::buffer_copy(buffer, asio::buffer(input_), piece_);
    input_.remove_prefix(n);
    co_return n;
  }

  awaitable<result<void>> write(std::span<asio::const_buffer> buffers) override {
    for (const auto& one : buffers) {
      output_.append(static_cast<const char*>(one.data()), one.size());
    }
    co_return result<void>();
  }

  void close() override { closed_ = true; }

 private:
  asio::any_io_executor executor_;
  std::string_view input_;
  std::size_t piece_;
  std::string& output_;
  bool closed_ = false;
};

std::size_t count_frames(std::string_view bytes) {
  ttrpc::message_decoder decoder;
  std::size_t frames = 0;
  while (!bytes.empty()) {
    const auto room = decoder.prepare();
    const std::size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    decoder.commit(n);
    bytes.remove_prefix(n);
    while (const auto found = decoder.next()) {
      ++frames;
      require(!found->oversized());
      if (found->header.type == ttrpc::message_type::response) {
        ttrpc::Response response;
        require(response.ParseFromString(found->payload));
      } else {
        require(found->header.type == ttrpc::message_type::data);
      }
    }
  }
  require(decoder.at_boundary());
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::size_t piece = data[0] == 0 ? size : data[0];
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string output;
  asio::io_context context(1);
  {
    flow::log log(-1);
    echo_service service;
    ttrpc::server server(context.get_executor(), log);
    server.add_service(service);
    server.serve(std::make_unique<fuzzed_stream>(context.get_executor(), input, piece, output));
    context.run();
    require(server.connections() == 0);
  }
  // Each frame of a stream has at most one echo, and the stream has one end; so does each request.
  require(count_frames(output) <= 2 * (size / ttrpc::frame_header_size));
  return 0;
}

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  // Messages that are not UTF-8 are expected here, so their log lines are dropped.
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}
