#include "shim/io/streaming.hpp"

#include <gtest/gtest.h>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "containerd/types/transfer/streaming.pb.h"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "runtime_api/ttrpc/client.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"

using flow::awaitable;
using flow::errc;
using google::protobuf::Any;
using shim::streaming;
using tests::co_test;
using tests::settle;
using ttrpc::code;
namespace api = containerd::services::streaming::v1;
namespace transfer = containerd::types::transfer;

namespace {

using duplex = ttrpc::client_duplex<Any, Any>;

template <class Message>
Any wrap(const std::string& type, const Message& message) {
  Any wrapped;
  wrapped.set_type_url(type);
  wrapped.set_value(message.SerializeAsString());
  return wrapped;
}

Any init(const std::string& id) {
  api::StreamInit message;
  message.set_id(id);
  return wrap("containerd.services.streaming.v1.StreamInit", message);
}

Any window(std::int32_t n) {
  transfer::WindowUpdate message;
  message.set_update(n);
  return wrap("containerd.types.transfer.WindowUpdate", message);
}

Any data(const std::string& text) {
  transfer::Data message;
  message.set_data(text);
  return wrap("containerd.types.transfer.Data", message);
}

// Clients of a shim, each on a connection of its own.
struct streaming_bench {
  explicit streaming_bench(boost::asio::any_io_executor ex)
      : executor(ex), log(-1), service(ex, log), server(ex, log) {
    server.add_service(service);
  }

  ttrpc::client& connect() {
    using protocol = boost::asio::local::stream_protocol;
    protocol::socket near(executor);
    protocol::socket far(executor);
    boost::asio::local::connect_pair(near, far);
    server.serve(ttrpc::make_byte_stream(std::move(far)));
    clients.push_back(
        std::make_unique<ttrpc::client>(executor, ttrpc::make_byte_stream(std::move(near)), log));
    return *clients.back();
  }

  std::unique_ptr<streaming::endpoint> endpoint(const std::string& id,
                                                streaming::endpoint::way to) {
    auto made = streaming::endpoint::make(service, id, to);
    EXPECT_TRUE(made);
    return std::move(made.value());
  }

  awaitable<void> stop() {
    for (const auto& one : clients) {
      one->close();
      co_await one->join();
    }
    server.close();
    co_await server.join();
  }

  boost::asio::any_io_executor executor;
  flow::log log;
  streaming service;
  ttrpc::server server;
  std::vector<std::unique_ptr<ttrpc::client>> clients;
};

// As containerd's client begins: it names the stream and waits to hear that it was understood.
awaitable<void> begin(duplex& stream, std::string id) {
  const Any named = init(id);
  const auto sent = co_await stream.write(named);
  EXPECT_TRUE(sent) << sent.error().message();
  Any ready;
  const auto got = co_await stream.read(ready);
  EXPECT_TRUE(got) << got.error().message();
}

awaitable<void> say(duplex& stream, Any message) {
  const auto sent = co_await stream.write(message);
  EXPECT_TRUE(sent) << sent.error().message();
}

// The next Data; "end" at the end.
awaitable<std::string> hear(duplex& stream) {
  Any message;
  const auto got = co_await stream.read(message);
  EXPECT_TRUE(got) << got.error().message();
  if (!got || got.value() == ttrpc::received::end) {
    co_return "end";
  }
  transfer::Data parsed;
  EXPECT_TRUE(parsed.ParseFromString(message.value()));
  co_return parsed.data();
}

awaitable<void> write_all(streaming::endpoint& to, std::string text, bool& done) {
  for (std::size_t at = 0; at < text.size();) {
    const auto n = co_await to.write_some(flow::asio::buffer(text.data() + at, text.size() - at));
    if (!n) {
      co_return;
    }
    at += n.value();
  }
  done = true;
}

awaitable<std::string> read_some(streaming::endpoint& from) {
  std::string buffer(100000, '\0');
  const auto n = co_await from.read_some(flow::asio::buffer(buffer));
  co_return n ? buffer.substr(0, n.value()) : n.error().message();
}

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

using way = streaming::endpoint::way;

}  // namespace

TEST(Streaming, OutputIsSentAsTheClientWantsItAndEndsBehindTheLastByte) {
  co_test([](auto executor) -> awaitable<void> {
    streaming_bench b(executor);
    const auto out = b.endpoint("c1-stdout", way::output);
    auto stream = api::streaming_client(b.connect()).stream();
    co_await begin(stream, "c1-stdout");
    flow::task_group tasks(executor, fail_test);
    bool written = false;
    tasks.spawn("write", write_all(*out, "ten bytes.and more", written));
    co_await settle(executor);
    EXPECT_TRUE(out->attached());
    EXPECT_FALSE(written) << "it has not said that it wants anything";
    co_await say(stream, window(10));
    const auto first = co_await hear(stream);
    EXPECT_EQ(first, "ten bytes.");
    EXPECT_FALSE(written);
    co_await say(stream, window(100));
    const auto second = co_await hear(stream);
    EXPECT_EQ(second, "and more");
    co_await tasks.join();
    EXPECT_TRUE(written);
    out->close();
    const auto third = co_await hear(stream);
    EXPECT_EQ(third, "end");
    co_await b.stop();
  });
}

TEST(Streaming, ClientMayComeBeforeTheProcess) {
  co_test([](auto executor) -> awaitable<void> {
    streaming_bench b(executor);
    auto stream = api::streaming_client(b.connect()).stream();
    co_await begin(stream, "c1-stdout");
    co_await say(stream, window(1000));
    const auto out = b.endpoint("c1-stdout", way::output);
    bool written = false;
    co_await write_all(*out, "at last", written);
    const auto heard = co_await hear(stream);
    EXPECT_EQ(heard, "at last");
    co_await b.stop();
  });
}

TEST(Streaming, ClientMayComeBackAfterItsConnectionWasLost) {
  co_test([](auto executor) -> awaitable<void> {
    streaming_bench b(executor);
    const auto out = b.endpoint("c1-stdout", way::output);
    auto& lost = b.connect();
    auto first = api::streaming_client(lost).stream();
    co_await begin(first, "c1-stdout");
    co_await settle(executor);
    lost.close();
    while (out->attached()) {
      co_await settle(executor);
    }
    flow::task_group tasks(executor, fail_test);
    bool written = false;
    tasks.spawn("write", write_all(*out, "kept for it", written));
    auto second = api::streaming_client(b.connect()).stream();
    co_await begin(second, "c1-stdout");
    co_await say(second, window(1000));
    const auto heard = co_await hear(second);
    EXPECT_EQ(heard, "kept for it");
    co_await tasks.join();
    co_await b.stop();
  });
}

TEST(Streaming, InputComesInWindowsAndEndsWhenTheClientSaysSo) {
  co_test([](auto executor) -> awaitable<void> {
    streaming_bench b(executor);
    const auto in = b.endpoint("c1-stdin", way::input);
    auto stream = api::streaming_client(b.connect()).stream();
    co_await begin(stream, "c1-stdin");
    flow::task_group tasks(executor, fail_test);
    std::string got;
    const auto read = [](streaming::endpoint& from, std::string& to) -> awaitable<void> {
      to = co_await read_some(from);
    };
    tasks.spawn("read", read(*in, got));
    Any granted;
    const auto update = co_await stream.read(granted);
    EXPECT_TRUE(update);
    EXPECT_EQ(granted.type_url(), "containerd.types.transfer.WindowUpdate");
    co_await say(stream, data("typed"));
    co_await tasks.join();
    EXPECT_EQ(got, "typed");
    co_await say(stream, data("rest"));
    stream.close_send();
    const auto rest = co_await read_some(*in);
    EXPECT_EQ(rest, "rest");
    std::string buffer(10, '\0');
    const auto end = co_await in->read_some(flow::asio::buffer(buffer));
    EXPECT_EQ(end.error().code(), flow::error_code(boost::asio::error::eof));
    co_await b.stop();
  });
}

TEST(Streaming, ClientThatSendsMoreThanItMayIsLetGo) {
  co_test([](auto executor) -> awaitable<void> {
    streaming_bench b(executor);
    const auto in = b.endpoint("c1-stdin", way::input);
    auto stream = api::streaming_client(b.connect()).stream();
    co_await begin(stream, "c1-stdin");
    co_await say(stream, data("unasked"));
    const auto heard = co_await hear(stream);
    EXPECT_EQ(heard, "end");
    while (in->attached()) {
      co_await settle(executor);
    }
    co_await b.stop();
  });
}

TEST(Streaming, OneClientAtATimeAndItMustNameItsStream) {
  co_test([](auto executor) -> awaitable<void> {
    streaming_bench b(executor);
    const auto out = b.endpoint("c1-stdout", way::output);
    EXPECT_FALSE(streaming::endpoint::make(b.service, "c1-stdout", way::output)) << "taken";
    EXPECT_FALSE(streaming::endpoint::make(b.service, "", way::output));
    auto first = api::streaming_client(b.connect()).stream();
    co_await begin(first, "c1-stdout");
    co_await settle(executor);
    auto second = api::streaming_client(b.connect()).stream();
    co_await begin(second, "c1-stdout");
    Any message;
    const auto refused = co_await second.read(message);
    EXPECT_EQ(refused.error().code(), flow::error_code(code::already_exists));
    auto nameless = api::streaming_client(b.connect()).stream();
    co_await say(nameless, data("?"));
    const auto invalid = co_await nameless.read(message);
    EXPECT_EQ(invalid.error().code(), flow::error_code(code::invalid_argument));
    co_await b.stop();
  });
}

TEST(Streaming, ProcessThatEndsWhileItIsWrittenToLeavesNothingWaiting) {
  co_test([](auto executor) -> awaitable<void> {
    streaming_bench b(executor);
    auto out = b.endpoint("c1-stdout", way::output);
    auto stream = api::streaming_client(b.connect()).stream();
    co_await begin(stream, "c1-stdout");
    flow::task_group tasks(executor, fail_test);
    bool written = false;
    tasks.spawn("write", write_all(*out, "never wanted", written));
    co_await settle(executor);
    out->close();
    co_await tasks.join();
    EXPECT_FALSE(written);
    out.reset();
    const auto heard = co_await hear(stream);
    EXPECT_EQ(heard, "end");
    co_await b.stop();
  });
}
