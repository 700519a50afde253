#include "tests/interop/interop_client.hpp"

#include <chrono>
#include <cstdio>
#include <string>

#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "streaming.ttrpc.hpp"

namespace interop {

using flow::awaitable;
using ttrpc::code;
using ttrpc::received;

namespace rpc = ttrpc::integration::streaming;

namespace {

class checks {
 public:
  explicit checks(ttrpc::client& client) : client_(client), streaming_(client), extra_(client) {}

  bool passed() const noexcept { return passed_; }

  awaitable<void> unary() {
    const auto answer = co_await streaming_.echo(payload(41, "hello"));
    expect(answer && answer->seq() == 42 && answer->msg() == "hello", "echo");
    const auto in_time = co_await streaming_.echo(payload(1, ""), options());
    expect(in_time.has_value(), "echo with a timeout");
    const auto large = co_await streaming_.echo(payload(1, std::string(4'190'000, 'x')));
    expect(large && large->msg().size() == 4'190'000, "echo of a long message");
  }

  awaitable<void> errors() {
    const auto failed = co_await extra_.fail(payload(0, "process does not exist e1"));
    expect(is(failed, code::not_found, "process does not exist e1"), "not found");
    const rpc::streaming_client nowhere(client_, "foo.Bar");
    const auto service = co_await nowhere.echo(payload(0, ""));
    expect(is(service, code::unimplemented, "service foo.Bar"), "unknown service");
    const rpc::interop_client other(client_, "ttrpc.integration.streaming.Streaming");
    const auto method = co_await other.fail(payload(0, ""));
    expect(is(method, code::unimplemented, "method Fail"), "unknown method");
  }

  awaitable<void> timeout_and_metadata() {
    const auto late =
        co_await extra_.wait(payload(0, ""), ttrpc::call_options(std::chrono::milliseconds(50)));
    expect(!late && late.error().code() == code::deadline_exceeded, "deadline exceeded");
    ttrpc::call_options with_metadata;
    with_metadata.metadata = {{"containerd-namespace-ttrpc", "k8s.io"}};
    const auto value =
        co_await extra_.metadata(payload(0, "containerd-namespace-ttrpc"), with_metadata);
    expect(value && value->msg() == "k8s.io", "metadata");
  }

  awaitable<void> client_stream() {
    auto sum = streaming_.sum_stream();
    for (int i = 1; i <= 1000; ++i) {
      rpc::Part part;
      part.set_add(i);
      const auto written = co_await sum.write(part);
      expect(written.has_value(), "sum: write");
    }
    const auto total = co_await sum.finish();
    expect(total && total->sum() == 500'500 && total->num() == 1000, "sum");

    auto null = streaming_.echo_null();
    for (std::uint32_t i = 0; i < 100; ++i) {
      const auto written = co_await null.write(payload(i, "non-empty"));
      expect(written.has_value(), "echo null: write");
    }
    const auto done = co_await null.finish();
    expect(done.has_value(), "echo null");
  }

  awaitable<void> server_stream() {
    rpc::Sum request;
    request.set_sum(1234);
    request.set_num(200);
    auto parts = streaming_.divide_stream(request);
    rpc::Part part;
    int sum = 0;
    int num = 0;
    for (;;) {
      const auto got = co_await parts.read(part);
      expect(got.has_value(), "divide: read");
      if (!got || *got == received::end) {
        break;
      }
      sum += part.add();
      ++num;
    }
    expect(sum == 1234 && num == 200, "divide");

    auto five = streaming_.empty_payload_stream(google::protobuf::Empty());
    rpc::EchoPayload next;
    for (std::uint32_t i = 1; i <= 5; ++i) {
      const auto got = co_await five.read(next);
      expect(got && *got == received::message && next.seq() == i, "five messages");
    }
    const auto end = co_await five.read(next);
    expect(end && *end == received::end, "five messages: end");
  }

  awaitable<void> duplex() {
    auto echo = streaming_.echo_stream();
    rpc::EchoPayload next;
    for (std::uint32_t i = 0; i < 500; ++i) {
      const auto written = co_await echo.write(payload(i, "message"));
      expect(written.has_value(), "echo stream: write");
      const auto got = co_await echo.read(next);
      expect(got && *got == received::message && next.seq() == i + 1, "echo stream: read");
    }
    echo.close_send();
    const auto end = co_await echo.read(next);
    expect(end && *end == received::end, "echo stream: end");

    auto null = streaming_.echo_null_stream();
    google::protobuf::Empty nothing;
    for (std::uint32_t i = 0; i < 100; ++i) {
      const auto written = co_await null.write(payload(i, ""));
      expect(written.has_value(), "echo null stream: write");
      const auto got = co_await null.read(nothing);
      expect(got && *got == received::message, "echo null stream: read");
    }
    null.close_send();
    const auto null_end = co_await null.read(nothing);
    expect(null_end && *null_end == received::end, "echo null stream: end");
  }

  awaitable<void> many(std::uint32_t from) {
    for (std::uint32_t i = from; i < from + 100; ++i) {
      const auto answer = co_await streaming_.echo(payload(i, std::to_string(i)));
      expect(answer && answer->seq() == i + 1 && answer->msg() == std::to_string(i), "many");
    }
  }

 private:
  static rpc::EchoPayload payload(std::uint32_t seq, std::string msg) {
    rpc::EchoPayload p;
    p.set_seq(seq);
    p.set_msg(std::move(msg));
    return p;
  }

  static ttrpc::call_options options() { return ttrpc::call_options(std::chrono::seconds(60)); }

  static bool is(const flow::result<rpc::EchoPayload>& answer, code c, std::string_view context) {
    return !answer && answer.error().code() == c && answer.error().context() == context;
  }

  void expect(bool holds, const char* what) {
    if (!holds) {
      passed_ = false;
      std::printf("our client, their server: %s failed\n", what);
    }
  }

  ttrpc::client& client_;
  rpc::streaming_client streaming_;
  rpc::interop_client extra_;
  bool passed_ = true;
};

}  // namespace

awaitable<bool> check_server(ttrpc::client& client) {
  checks all(client);
  co_await all.unary();
  co_await all.errors();
  co_await all.timeout_and_metadata();
  co_await all.client_stream();
  co_await all.server_stream();
  co_await all.duplex();
  bool thrown = false;
  const auto executor = co_await boost::asio::this_coro::executor;
  flow::task_group tasks(executor,
                         [&](const std::string&, const std::exception_ptr&) { thrown = true; });
  for (std::uint32_t i = 0; i < 50; ++i) {
    tasks.spawn("many", all.many(1000 * i));
  }
  co_await tasks.join();
  co_return all.passed() && !thrown;
}

}  // namespace interop
