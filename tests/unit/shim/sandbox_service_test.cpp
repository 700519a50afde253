// The Sandbox service: a machine that is there before its first container and after its last.
#include "shim/sandbox/sandbox_service.hpp"

#include <gtest/gtest.h>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json/parse.hpp>
#include <csignal>

#include "containerd/runtime/sandbox/v1/sandbox.ttrpc.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/unit/shim/shim_fixture.hpp"

using flow::awaitable;
using tests::fixture_test;
using tests::settle;
using tests::shim_fixture;
using ttrpc::code;
namespace api = containerd::runtime::sandbox::v1;

namespace {

// A shim with the service, on a second connection beside that of the tasks.
struct pod_fixture : shim_fixture {
  explicit pod_fixture(const boost::asio::any_io_executor& ex)
      : shim_fixture(ex),
        sandboxes(
            ex, "pod", sandbox, service, [this] { asked_to_end = true; }, log),
        pod_server(ex, log) {
    pod_server.add_service(sandboxes);
    using protocol = boost::asio::local::stream_protocol;
    protocol::socket near(ex);
    protocol::socket far(ex);
    boost::asio::local::connect_pair(near, far);
    pod_server.serve(ttrpc::make_byte_stream(std::move(far)));
    pod_client = std::make_unique<ttrpc::client>(ex, ttrpc::make_byte_stream(std::move(near)), log);
    pod = std::make_unique<api::sandbox_client>(*pod_client);
  }

  awaitable<void> end() {
    co_await sandbox.stop();
    co_await sandboxes.join();
    pod_client->close();
    co_await pod_client->join();
    pod_server.close();
    co_await pod_server.join();
    co_await shim_fixture::end();
  }

  awaitable<void> create_and_start() {
    const auto create = request<api::CreateSandboxRequest>();
    const auto created = co_await pod->create_sandbox(create);
    EXPECT_TRUE(created) << created.error().message();
    const auto start = request<api::StartSandboxRequest>();
    const auto started = co_await pod->start_sandbox(start);
    EXPECT_TRUE(started) << started.error().message();
    pid = started ? started.value().pid() : 0;
  }

  awaitable<std::string> state_of_sandbox() {
    const auto wanted = request<api::SandboxStatusRequest>();
    const auto status = co_await pod->sandbox_status(wanted);
    co_return status ? status.value().state() : status.error().message();
  }

  awaitable<void> shutdown() {
    const auto wanted = request<api::ShutdownSandboxRequest>();
    const auto done = co_await pod->shutdown_sandbox(wanted);
    EXPECT_TRUE(done) << done.error().message();
  }

  template <class Request>
  static Request request(const std::string& id = "pod") {
    Request wanted;
    wanted.set_sandbox_id(id);
    return wanted;
  }

  shim::sandbox_service sandboxes;
  ttrpc::server pod_server;
  std::unique_ptr<ttrpc::client> pod_client;
  std::unique_ptr<api::sandbox_client> pod;
  std::uint32_t pid = 0;
};

awaitable<void> keep_exit(pod_fixture& b, std::optional<std::uint32_t>& status) {
  const auto wanted = pod_fixture::request<api::WaitSandboxRequest>();
  const auto waited = co_await b.pod->wait_sandbox(wanted);
  EXPECT_TRUE(waited) << waited.error().message();
  EXPECT_GT(waited.value().exited_at().seconds(), 1'600'000'000);
  status = waited.value().exit_status();
}

awaitable<void> stop_sandbox(pod_fixture& b, std::uint32_t seconds) {
  auto wanted = pod_fixture::request<api::StopSandboxRequest>();
  wanted.set_timeout_secs(seconds);
  const auto stopped = co_await b.pod->stop_sandbox(wanted);
  EXPECT_TRUE(stopped) << stopped.error().message();
}

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

template <class Response>
code code_of(const flow::result<Response>& r) {
  return r ? code() : ttrpc::code_of(r.error().code());
}

class SandboxService : public tests::private_mounts {};

}  // namespace

TEST_F(SandboxService, IsReadyFromStartToStop) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    EXPECT_FALSE(b.sandboxes.created());
    auto create = pod_fixture::request<api::CreateSandboxRequest>();
    create.set_bundle_path("/run/bundle");
    create.set_netns_path("/proc/self/ns/net");
    const auto created = co_await b.pod->create_sandbox(create);
    EXPECT_TRUE(created);
    EXPECT_TRUE(b.sandboxes.created());
    const auto before = co_await b.state_of_sandbox();
    EXPECT_EQ(before, "SANDBOX_NOTREADY");

    const auto start = pod_fixture::request<api::StartSandboxRequest>();
    const auto started = co_await b.pod->start_sandbox(start);
    EXPECT_TRUE(started);
    const auto pid = static_cast<pid_t>(started.value().pid());
    EXPECT_EQ(::kill(pid, 0), 0);
    EXPECT_GT(started.value().created_at().seconds(), 1'600'000'000);
    auto wanted = pod_fixture::request<api::SandboxStatusRequest>();
    wanted.set_verbose(true);
    const auto status = co_await b.pod->sandbox_status(wanted);
    EXPECT_EQ(status.value().state(), "SANDBOX_READY");
    EXPECT_EQ(status.value().pid(), started.value().pid());
    EXPECT_EQ(status.value().info().at("netns"), "/proc/self/ns/net");
    EXPECT_EQ(status.value().info().at("bundle"), "/run/bundle");
    EXPECT_EQ(status.value().exited_at().seconds(), -62135596800) << "Go's zero time";

    co_await stop_sandbox(b, 0);
    const auto after = co_await b.state_of_sandbox();
    EXPECT_EQ(after, "SANDBOX_NOTREADY");
    EXPECT_EQ(::kill(pid, 0), -1) << "its pid is gone";
    EXPECT_TRUE(b.machine.ended());
    EXPECT_FALSE(b.asked_to_end) << "that is for ShutdownSandbox";
    co_await stop_sandbox(b, 0);
  });
}

TEST_F(SandboxService, OtherIdsAndWrongOrderAreRefusedWithTheRightCodes) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    const auto start = pod_fixture::request<api::StartSandboxRequest>();
    const auto early = co_await b.pod->start_sandbox(start);
    EXPECT_EQ(code_of(early), code::not_found);
    const auto status = pod_fixture::request<api::SandboxStatusRequest>();
    const auto unknown = co_await b.pod->sandbox_status(status);
    EXPECT_EQ(code_of(unknown), code::not_found);
    const auto stop = pod_fixture::request<api::StopSandboxRequest>();
    const auto not_there = co_await b.pod->stop_sandbox(stop);
    EXPECT_EQ(code_of(not_there), code::not_found);
    const auto wait = pod_fixture::request<api::WaitSandboxRequest>();
    const auto nothing = co_await b.pod->wait_sandbox(wait);
    EXPECT_EQ(code_of(nothing), code::not_found);

    const auto foreign = pod_fixture::request<api::CreateSandboxRequest>("other");
    const auto refused = co_await b.pod->create_sandbox(foreign);
    EXPECT_EQ(code_of(refused), code::invalid_argument);
    EXPECT_FALSE(b.sandboxes.created());
    co_await b.create_and_start();
    const auto create = pod_fixture::request<api::CreateSandboxRequest>();
    const auto twice = co_await b.pod->create_sandbox(create);
    EXPECT_EQ(code_of(twice), code::already_exists);
    const auto second = co_await b.pod->create_sandbox(foreign);
    EXPECT_EQ(code_of(second), code::already_exists);
    const auto again = co_await b.pod->start_sandbox(start);
    EXPECT_EQ(code_of(again), code::failed_precondition);
    const auto ping = pod_fixture::request<api::PingRequest>("other");
    const auto lost = co_await b.pod->ping_sandbox(ping);
    EXPECT_EQ(code_of(lost), code::not_found);
    const auto end = pod_fixture::request<api::ShutdownSandboxRequest>("other");
    const auto kept = co_await b.pod->shutdown_sandbox(end);
    EXPECT_EQ(code_of(kept), code::not_found);
    EXPECT_FALSE(b.asked_to_end);
  });
}

TEST_F(SandboxService, PlatformIsTheGuests) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    const auto wanted = pod_fixture::request<api::PlatformRequest>();
    const auto platform = co_await b.pod->platform(wanted);
    EXPECT_TRUE(platform);
    EXPECT_EQ(platform.value().platform().os(), "linux");
    EXPECT_EQ(platform.value().platform().architecture(), "amd64");
  });
}

TEST_F(SandboxService, PingAsksTheGuest) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    co_await b.create_and_start();
    const auto ping = pod_fixture::request<api::PingRequest>();
    const auto alive = co_await b.pod->ping_sandbox(ping);
    EXPECT_TRUE(alive);
    EXPECT_EQ(b.agent.called("Status"), 1U);
    b.agent.failures["Status"] = flow::error(code::internal, "broken");
    const auto broken = co_await b.pod->ping_sandbox(ping);
    EXPECT_FALSE(broken);
    b.machine.end("qemu was killed");
    co_await settle(b.executor);
    const auto dead = co_await b.pod->ping_sandbox(ping);
    EXPECT_EQ(code_of(dead), code::unavailable);
  });
}

TEST_F(SandboxService, NetworkThatIsNotThereFailsStartAndLeavesTheSandboxToBeShutDown) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    auto create = pod_fixture::request<api::CreateSandboxRequest>();
    create.set_netns_path("/nowhere/net");
    const auto created = co_await b.pod->create_sandbox(create);
    EXPECT_TRUE(created);
    const auto start = pod_fixture::request<api::StartSandboxRequest>();
    const auto started = co_await b.pod->start_sandbox(start);
    EXPECT_FALSE(started);
    EXPECT_NE(started.error().message().find("/nowhere/net"), std::string::npos)
        << started.error().message();
    const auto state = co_await b.state_of_sandbox();
    EXPECT_EQ(state, "SANDBOX_NOTREADY");
    co_await b.shutdown();
  });
}

TEST_F(SandboxService, MetricsAreThoseOfAllContainersTogether) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    const auto wanted = pod_fixture::request<api::SandboxMetricsRequest>();
    const auto early = co_await b.pod->sandbox_metrics(wanted);
    EXPECT_EQ(code_of(early), code::not_found);
    co_await b.create_and_start();
    b.agent.stats_answer.mutable_metrics()->mutable_cpu()->set_usage_usec(42);
    const auto metrics = co_await b.pod->sandbox_metrics(wanted);
    EXPECT_TRUE(metrics);
    EXPECT_EQ(metrics.value().metrics().id(), "pod");
    EXPECT_GT(metrics.value().metrics().timestamp().seconds(), 1'600'000'000);
    EXPECT_EQ(metrics.value().metrics().data().type_url(), "io.containerd.cgroups.v2.Metrics");
    io::containerd::cgroups::v2::Metrics counted;
    EXPECT_TRUE(counted.ParseFromString(metrics.value().metrics().data().value()));
    EXPECT_EQ(counted.cpu().usage_usec(), 42U);
    b.machine.end("qemu was killed");
    co_await settle(b.executor);
    const auto late = co_await b.pod->sandbox_metrics(wanted);
    EXPECT_EQ(code_of(late), code::unavailable);
  });
}

TEST_F(SandboxService, ContainersComeAndGoAndComeAgain) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    co_await b.create_and_start();
    co_await b.create("c1");
    co_await b.start("c1");
    const auto first = b.last_init();
    co_await b.create("c2");
    co_await b.start("c2");
    b.agent.exit(first, 1);
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 1U);
    const auto other = co_await b.state("c2");
    EXPECT_EQ(other.status(), containerd::v1::types::RUNNING);
    co_await b.remove("c1");
    const auto second = b.last_init();
    b.agent.exit(second, 2);
    co_await b.wait("c2");
    co_await b.remove("c2");

    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.exit(b.last_init(), 3);
    const auto again = co_await b.wait("c1");
    EXPECT_EQ(again, 3U);
    co_await b.remove("c1");
    const auto state = co_await b.state_of_sandbox();
    EXPECT_EQ(state, "SANDBOX_READY") << "it outlives its containers";
  });
}

TEST_F(SandboxService, StopKillsWhatRunsAndTellsItsExitFirst) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create_and_start();
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.create("never-started");
    std::optional<std::uint32_t> ended;
    tasks.spawn("wait", keep_exit(b, ended));
    co_await settle(b.executor);
    EXPECT_FALSE(ended);
    co_await stop_sandbox(b, 0);
    co_await tasks.join();
    EXPECT_EQ(ended, 0U) << "it was stopped, not lost";
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 137U);
    co_await b.remove("c1");
    co_await b.remove("never-started");
  });
}

TEST_F(SandboxService, StopWithATimeoutAsksFirst) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create_and_start();
    co_await b.create("c1");
    co_await b.start("c1");
    tasks.spawn("stop", stop_sandbox(b, 3600));
    co_await b.agent.until_called("Kill");
    EXPECT_EQ(b.agent.last_kill.signal(), static_cast<std::uint32_t>(SIGTERM));
    EXPECT_FALSE(b.agent.last_kill.all());
    b.agent.exit(b.last_init(), 5);
    co_await tasks.join();
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 5U) << "its own, for it ended by itself";
  });
}

TEST_F(SandboxService, StopKillsWhatDoesNotEndInTime) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    co_await b.create_and_start();
    co_await b.create("c1");
    co_await b.start("c1");
    co_await stop_sandbox(b, 1);
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 137U);
    EXPECT_EQ(b.agent.called("Kill"), 2U);
  });
}

TEST_F(SandboxService, LossOfTheMachineEndsItWith255) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create_and_start();
    std::optional<std::uint32_t> ended;
    tasks.spawn("wait", keep_exit(b, ended));
    co_await settle(b.executor);
    b.machine.end("qemu was killed");
    co_await tasks.join();
    EXPECT_EQ(ended, 255U);
    const auto state = co_await b.state_of_sandbox();
    EXPECT_EQ(state, "SANDBOX_NOTREADY");
    EXPECT_FALSE(b.asked_to_end) << "containerd still asks how it ended";
    co_await stop_sandbox(b, 0);
  });
}

TEST_F(SandboxService, SandboxThatDoesNotBootFailsStartWithTheReason) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    const auto create = pod_fixture::request<api::CreateSandboxRequest>();
    const auto created = co_await b.pod->create_sandbox(create);
    EXPECT_TRUE(created);
    b.machine.end("no such kernel");
    co_await settle(b.executor);
    const auto start = pod_fixture::request<api::StartSandboxRequest>();
    const auto started = co_await b.pod->start_sandbox(start);
    EXPECT_EQ(code_of(started), code::unavailable);
    EXPECT_NE(started.error().message().find("no such kernel"), std::string::npos)
        << started.error().message();
    co_await b.shutdown();
    EXPECT_TRUE(b.asked_to_end);
  });
}

TEST_F(SandboxService, ShutdownEndsTheShimWhateverRunsAndMayBeRepeated) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    co_await b.create_and_start();
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.shutdown();
    EXPECT_TRUE(b.asked_to_end);
    co_await b.shutdown();
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 137U);
  });
}

TEST_F(SandboxService, ShutdownOfOneThatWasNeverCreatedEndsTheShim) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    co_await b.shutdown();
    EXPECT_TRUE(b.asked_to_end);
  });
}

TEST_F(SandboxService, ContainersShareTheNamespacesOfThePod) {
  fixture_test<pod_fixture>([](pod_fixture& b) -> awaitable<void> {
    co_await b.create_and_start();
    co_await b.create("first");
    const auto first_guest_pid = tests::fake_agent::pid_in_guest(b.last_init());
    const auto first = co_await b.state("first");
    const std::string pod = "/proc/" + std::to_string(b.pid) + "/ns/";
    const std::string other = "/proc/" + std::to_string(first.pid()) + "/ns/";
    containerd::task::v2::CreateTaskRequest request;
    request.set_id("c1");
    request.set_bundle(b.make_bundle(
        "c1",
        R"({"process": {"args": ["true"]}, "root": {"path": "rootfs"}, "linux": {"namespaces": [
          {"type": "network", "path": "/proc/self/ns/net"}, {"type": "ipc", "path": ")" +
            pod + R"(ipc"}, {"type": "uts", "path": ")" + pod +
            R"(uts"}, {"type": "pid", "path": ")" + other +
            R"(pid"}, {"type": "cgroup", "path": "/proc/1/ns/cgroup"}, {"type": "mount"}]}})"));
    const auto created = co_await b.task->create(request);
    EXPECT_TRUE(created) << created.error().message();
    const auto guest = boost::json::parse(b.agent.last_create.spec());
    const auto& namespaces = guest.at("linux").at("namespaces").as_array();
    EXPECT_EQ(namespaces.at(0).at("path"), "/proc/1/ns/net");
    EXPECT_EQ(namespaces.at(1).at("path"), "/proc/1/ns/ipc");
    EXPECT_EQ(namespaces.at(2).at("path"), "/proc/1/ns/uts");
    EXPECT_EQ(std::string(namespaces.at(3).at("path").as_string()),
              "/proc/" + std::to_string(first_guest_pid) + "/ns/pid");
    EXPECT_FALSE(namespaces.at(4).as_object().contains("path")) << "its own";
    EXPECT_FALSE(namespaces.at(5).as_object().contains("path"));
  });
}
