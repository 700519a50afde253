// Our definitions of containerd's interfaces compared with bytes written by containerd.
#include "containerd/events/task.pb.h"
#include "containerd/runtime/bootstrap/v1/bootstrap.pb.h"
#include "containerd/services/events/ttrpc/v1/events.ttrpc.hpp"
#include "containerd/task/v2/task.ttrpc.hpp"
#include "google/protobuf/any.pb.h"
#include "runtime_api/ttrpc/server.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/raw_peer.hpp"

namespace task_v2 = containerd::task::v2;
using flow::awaitable;
using flow::result;
using tests::co_test;

namespace {

class one_task final : public task_v2::task_service {
 public:
  awaitable<result<task_v2::StateResponse>> state(ttrpc::call_context& /*context*/,
                                                  const task_v2::StateRequest& request) override {
    task_v2::StateResponse response;
    response.set_id(request.id());
    response.set_pid(4711);
    response.set_status(containerd::v1::types::STOPPED);
    response.set_exit_status(137);
    response.mutable_exited_at()->set_seconds(-62135596800);
    co_return response;
  }
};

}  // namespace

TEST(ContainerdTask, OneObjectServesTheSecondAndTheThirdVersion) {
  co_test([](auto executor) -> awaitable<void> {
    flow::log log(-1);
    one_task task;
    ttrpc::server server(executor, log);
    server.add_service(task);
    server.add_service(task, "containerd.task.v3.Task");
    auto raw = tests::make_raw_connection(executor);
    server.serve(std::move(raw.stream));
    const std::string request("\x0a\x02id", 4);
    // id=1, pid=3, status=4, exit_status=9, exited_at=10{seconds=1}: as on the wire.
    const std::string expected(
        "\x0a\x02id\x18\xe7\x24\x20\x03\x48\x89\x01\x52\x0b\x08"
        "\x80\x92\xb8\xc3\x98\xfe\xff\xff\xff\x01",
        25);
    std::uint32_t id = 1;
    for (const char* name : {"containerd.task.v2.Task", "containerd.task.v3.Task"}) {
      co_await raw.peer.request(id, "State", request, 0, name);
      const auto response = co_await raw.peer.receive_response(id);
      EXPECT_EQ(response.payload(), expected);
      id += 2;
    }
    co_await raw.peer.request(id, "Checkpoint", "", 0, "containerd.task.v3.Task");
    const auto refused = co_await raw.peer.receive_response(id);
    EXPECT_EQ(refused.status().code(), 12);
    EXPECT_EQ(refused.status().message(), "method Checkpoint");
    server.close();
    co_await server.join();
  });
}

TEST(ContainerdEvents, ForwardRequestIsEncodedAsContainerdReadsIt) {
  containerd::events::TaskExit exit;
  exit.set_container_id("c");
  exit.set_id("e");
  exit.set_pid(5);
  exit.set_exit_status(1);
  exit.mutable_exited_at()->set_seconds(2);
  EXPECT_EQ(exit.SerializeAsString(),
            "\x0a\x01"
            "c\x12\x01"
            "e\x18\x05\x20\x01\x2a\x02\x08\x02");
  EXPECT_EQ(exit.GetTypeName(), "containerd.events.TaskExit");

  containerd::services::events::ttrpc::v1::ForwardRequest request;
  auto& envelope = *request.mutable_envelope();
  envelope.mutable_timestamp()->set_seconds(1);
  envelope.set_namespace_("ns");
  envelope.set_topic("/tasks/exit");
  envelope.mutable_event()->set_type_url("T");
  envelope.mutable_event()->set_value("V");
  EXPECT_EQ(request.SerializeAsString(),
            "\x0a\x1d\x0a\x02\x08\x01\x12\x02ns\x1a\x0b/tasks/exit\x22\x06\x0a\x01T\x12\x01V");
  EXPECT_EQ(containerd::services::events::ttrpc::v1::events_service::service_name,
            "containerd.services.events.ttrpc.v1.Events");
}

// Both have a string in field 1 and bytes in field 2: parsing alone does not distinguish them.
TEST(ContainerdBootstrap, OptionsAndParametersParseAsEachOther) {
  google::protobuf::Any options;
  options.set_type_url("runtimeoptions.v1.Options");
  options.set_value("\x12\x02/p");
  containerd::runtime::bootstrap::v1::BootstrapParams params;
  ASSERT_TRUE(params.ParseFromString(options.SerializeAsString()));
  EXPECT_EQ(params.instance_id(), "runtimeoptions.v1.Options");
}
