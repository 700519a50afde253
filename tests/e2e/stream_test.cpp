// Stdio over the shim's own socket, as containerd's CRI connects it with io_type = "streaming".
#include "containerd/services/streaming/v1/streaming.ttrpc.hpp"
#include "containerd/types/transfer/streaming.pb.h"
#include "flow/task_group.hpp"
#include "tests/e2e/harness/bare_task.hpp"
#include "tests/e2e/harness/fixture.hpp"

using e2e::bare_task;
using flow::awaitable;
using google::protobuf::Any;
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

awaitable<void> begin(duplex& stream, std::string id) {
  api::StreamInit message;
  message.set_id(id);
  const Any named = wrap("containerd.services.streaming.v1.StreamInit", message);
  const auto sent = co_await stream.write(named);
  EXPECT_TRUE(sent);
  Any ready;
  const auto got = co_await stream.read(ready);
  EXPECT_TRUE(got) << got.error().message();
}

// Sends `text`, which must fit into the first window, and ends the input.
awaitable<void> type(const ttrpc::client& shim, std::string text) {
  auto stream = api::streaming_client(shim).stream();
  co_await begin(stream, "stdin");
  Any window;
  const auto granted = co_await stream.read(window);
  EXPECT_TRUE(granted);
  transfer::Data message;
  message.set_data(text);
  const Any wrapped = wrap("containerd.types.transfer.Data", message);
  const auto sent = co_await stream.write(wrapped);
  EXPECT_TRUE(sent);
  stream.close_send();
  Any end;
  static_cast<void>(co_await stream.read(end));
}

// Requests small amounts until the end.
awaitable<void> read_all(const ttrpc::client& shim, std::string& text) {
  auto stream = api::streaming_client(shim).stream();
  co_await begin(stream, "stdout");
  transfer::WindowUpdate update;
  update.set_update(10000);
  const Any more = wrap("containerd.types.transfer.WindowUpdate", update);
  for (std::int64_t window = 0;;) {
    if (window == 0) {
      static_cast<void>(co_await stream.write(more));
      window = update.update();
    }
    Any message;
    const auto got = co_await stream.read(message);
    if (!got || got.value() == ttrpc::received::end) {
      EXPECT_TRUE(got) << got.error().message();
      co_return;
    }
    transfer::Data data;
    EXPECT_TRUE(data.ParseFromString(message.value()));
    text += data.data();
    window -= static_cast<std::int64_t>(data.data().size());
  }
}

awaitable<void> both(bare_task& task, std::string& out) {
  flow::task_group tasks(task.shim().executor(),
                         [](const std::string& name, const std::exception_ptr& failure) {
                           ADD_FAILURE() << name << ": " << flow::describe(failure);
                         });
  tasks.spawn("stdin", type(task.shim().client(), "typed\n"));
  tasks.spawn("stdout", read_all(task.shim().client(), out));
  co_await tasks.join();
}

class ConnectedStream : public e2e::ContainerdTest {};

}  // namespace

TEST_F(ConnectedStream, BringsTheInputAndEveryByteOfTheOutput) {
  bare_task task(scratch(), id(), {"sh", "-c", "cat; seq 1 100000; exit 5"});
  task.mount("bind", e2e::make_system_tree(scratch() / "system"), {"rbind", "ro"});
  task.connect_stdio();
  EXPECT_EQ(task.create(), "");
  EXPECT_EQ(task.start(), "");
  std::string out;
  task.shim().run(both(task, out));
  std::string wanted = "typed\n";
  for (int i = 1; i <= 100000; ++i) {
    wanted += std::to_string(i) + "\n";
  }
  EXPECT_TRUE(out == wanted) << out.size() << " of " << wanted.size();
  EXPECT_EQ(task.wait(), 5U);
}
