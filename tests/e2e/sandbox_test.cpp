// The Sandbox service with a real machine, as containerd 2.3 uses it: bootstrap parameters in, a
// result out, then one connection per container.
#include <boost/asio/co_spawn.hpp>
#include <csignal>

#include "containerd/runtime/bootstrap/v1/bootstrap.pb.h"
#include "flow/system/file.hpp"
#include "flow/task_group.hpp"
#include "tests/e2e/harness/fixture.hpp"
#include "tests/e2e/harness/standalone_shim.hpp"

using e2e::standalone_connection;
using e2e::standalone_shim;
using flow::awaitable;
namespace api = ::containerd::runtime::sandbox::v1;
namespace task_api = ::containerd::task::v2;

namespace {

class Sandbox : public e2e::ContainerdTest {
 protected:
  void SetUp() override {
    ContainerdTest::SetUp();
    shim_ = std::make_unique<standalone_shim>(scratch(), "pod");
  }

  void TearDown() override {
    if (HasFailure()) {
      std::fprintf(stderr, "--- shim ---\n%s------------\n", shim_->log().c_str());
    }
    ContainerdTest::TearDown();
  }

  void run(awaitable<void> work) {
    bool done = false;
    boost::asio::co_spawn(context_, std::move(work), [&](const std::exception_ptr& failure) {
      done = true;
      if (failure) {
        ADD_FAILURE() << flow::describe(failure);
      }
    });
    context_.restart();
    while (!done) {
      context_.run_one();
    }
  }

  static bool gone() { return e2e::shim_processes(e2e::private_containerd::directory()).empty(); }

  awaitable<std::unique_ptr<standalone_connection>> connect(std::string address) {
    auto made = std::make_unique<standalone_connection>(context_.get_executor(), log_);
    co_await made->open(address);
    co_return made;
  }

  // Creates and starts a container; returns the host pid of its first process.
  awaitable<std::uint32_t> start_container(standalone_connection& shim, std::string id,
                                           std::string script, std::string namespaces,
                                           std::string output = "") {
    task_api::CreateTaskRequest create;
    create.set_id(id);
    create.set_bundle(shim_->make_bundle(id, {"sh", "-c", script}, namespaces));
    if (!output.empty()) {
      create.set_stdout("file://" + output);
    }
    const auto created = co_await shim.task().create(create);
    EXPECT_TRUE(created) << created.error().message();
    task_api::StartRequest start;
    start.set_id(id);
    const auto started = co_await shim.task().start(start);
    EXPECT_TRUE(started) << started.error().message();
    co_return started ? started.value().pid() : 0;
  }

  awaitable<std::uint32_t> wait_and_delete(standalone_connection& shim, std::string id) {
    task_api::WaitRequest wait;
    wait.set_id(id);
    const auto waited = co_await shim.task().wait(wait);
    EXPECT_TRUE(waited) << waited.error().message();
    task_api::DeleteRequest remove;
    remove.set_id(id);
    const auto removed = co_await shim.task().delete_(remove);
    EXPECT_TRUE(removed) << removed.error().message();
    co_return waited ? waited.value().exit_status() : 999;
  }

  awaitable<std::uint32_t> start_sandbox(standalone_connection& shim) {
    api::CreateSandboxRequest create;
    create.set_sandbox_id("pod");
    const auto created = co_await shim.sandbox().create_sandbox(create);
    EXPECT_TRUE(created) << created.error().message();
    api::StartSandboxRequest start;
    start.set_sandbox_id("pod");
    const auto started = co_await shim.sandbox().start_sandbox(start);
    EXPECT_TRUE(started) << started.error().message();
    co_return started ? started.value().pid() : 0;
  }

  static std::string bootstrap_parameters() {
    ::containerd::runtime::bootstrap::v1::BootstrapParams params;
    params.set_instance_id("pod");
    params.set_namespace_("default");
    params.set_containerd_version("2.3.0");
    return params.SerializeAsString();
  }

  awaitable<void> live_in_a_pod(std::string address);
  awaitable<void> end_without_containers(standalone_connection& pod,
                                         standalone_connection& container, std::uint32_t pid);
  awaitable<void> stop_with_a_container(std::string address);

  flow::asio::io_context context_{1};
  flow::log log_{STDERR_FILENO, flow::log::level::error};
  std::unique_ptr<standalone_shim> shim_;
};

awaitable<void> Sandbox::live_in_a_pod(std::string address) {
  const auto pod = co_await connect(address);
  const auto pid = co_await start_sandbox(*pod);
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), 0);
  const std::string of_pod = "\"path\":\"/proc/" + std::to_string(pid) + "/ns/";
  const std::string shared = R"([{"type":"mount"},{"type":"pid"},{"type":"network",)" + of_pod +
                             R"(net"},{"type":"ipc",)" + of_pod + R"(ipc"},{"type":"uts",)" +
                             of_pod + R"(uts"}])";

  // Each container has its own connection, as with containerd and version 3.
  const auto one = co_await connect(address);
  const auto other = co_await connect(address);
  const auto first_pid =
      co_await start_container(*one, "first", "hostname of-the-pod; exec sleep 1000", shared);
  const std::string output = (scratch() / "output").string();
  co_await start_container(*other, "second",
                           "while [ $(hostname) != of-the-pod ]; do sleep 0.1; done; hostname; "
                           "ip addr show dev lo; ls /proc; exit 5",
                           shared, output);
  const auto status = co_await wait_and_delete(*other, "second");
  EXPECT_EQ(status, 5U);
  const auto said = flow::read_file(output);
  EXPECT_TRUE(said);
  EXPECT_NE(said.value().find("of-the-pod\n"), std::string::npos) << "one uts namespace";
  EXPECT_NE(said.value().find("LOOPBACK,UP"), std::string::npos) << said.value();
  EXPECT_NE(said.value().find("127.0.0.1"), std::string::npos) << said.value();

  // The third container joins the pid namespace of the first.
  const std::string with_first = R"([{"type":"mount"},{"type":"pid","path":"/proc/)" +
                                 std::to_string(first_pid) + R"(/ns/pid"}])";
  const std::string seen = (scratch() / "seen").string();
  co_await start_container(*other, "third", "cat /proc/1/cmdline; kill -9 1; kill -TERM 1; exit 6",
                           with_first, seen);
  const auto third = co_await wait_and_delete(*other, "third");
  EXPECT_EQ(third, 6U);
  const auto command = flow::read_file(seen);
  EXPECT_TRUE(command);
  EXPECT_EQ(command.value().substr(0, 5), "sleep") << command.value();

  // The id can be reused.
  co_await start_container(*other, "second", "exit 7", shared);
  const auto again = co_await wait_and_delete(*other, "second");
  EXPECT_EQ(again, 7U);

  api::PingRequest ping;
  ping.set_sandbox_id("pod");
  const auto alive = co_await pod->sandbox().ping_sandbox(ping);
  EXPECT_TRUE(alive) << alive.error().message();

  task_api::KillRequest kill;
  kill.set_id("first");
  kill.set_signal(SIGKILL);
  const auto killed = co_await one->task().kill(kill);
  EXPECT_TRUE(killed);
  const auto first = co_await wait_and_delete(*one, "first");
  EXPECT_EQ(first, 137U);
  co_await end_without_containers(*pod, *one, pid);
  co_await one->close();
  co_await other->close();
  co_await pod->close();
}

// `container` is the connection on which the last container was deleted.
awaitable<void> Sandbox::end_without_containers(standalone_connection& pod,
                                                standalone_connection& container,
                                                std::uint32_t pid) {
  // Without a container the shim keeps running, although containerd calls Shutdown for each.
  const task_api::ShutdownRequest shutdown;
  const auto no_end = co_await container.task().shutdown(shutdown);
  EXPECT_TRUE(no_end);
  api::SandboxStatusRequest status_request;
  status_request.set_sandbox_id("pod");
  const auto state = co_await pod.sandbox().sandbox_status(status_request);
  EXPECT_TRUE(state) << state.error().message();
  EXPECT_EQ(state.value().state(), "SANDBOX_READY");
  api::StopSandboxRequest stop;
  stop.set_sandbox_id("pod");
  const auto stopped = co_await pod.sandbox().stop_sandbox(stop);
  EXPECT_TRUE(stopped) << stopped.error().message();
  EXPECT_NE(::kill(static_cast<pid_t>(pid), 0), 0);
  api::WaitSandboxRequest wait;
  wait.set_sandbox_id("pod");
  const auto ended = co_await pod.sandbox().wait_sandbox(wait);
  EXPECT_TRUE(ended);
  EXPECT_EQ(ended.value().exit_status(), 0U);
  api::ShutdownSandboxRequest end;
  end.set_sandbox_id("pod");
  const auto shut = co_await pod.sandbox().shutdown_sandbox(end);
  EXPECT_TRUE(shut) << shut.error().message();
}

awaitable<void> Sandbox::stop_with_a_container(std::string address) {
  const auto pod = co_await connect(address);
  co_await start_sandbox(*pod);
  const std::string output = (scratch() / "output").string();
  co_await start_container(*pod, "c1", "echo written; exec sleep 1000",
                           standalone_shim::own_namespaces, output);
  EXPECT_TRUE(e2e::eventually([&] {
    const auto text = flow::read_file(output);
    return text && text.value() == "written\n";
  }));
  api::StopSandboxRequest stop;
  stop.set_sandbox_id("pod");
  stop.set_timeout_secs(1);
  const auto stopped = co_await pod->sandbox().stop_sandbox(stop);
  EXPECT_TRUE(stopped) << stopped.error().message();
  const auto status = co_await wait_and_delete(*pod, "c1");
  EXPECT_EQ(status, 137U) << "its first process does not hear SIGTERM";
  api::ShutdownSandboxRequest end;
  end.set_sandbox_id("pod");
  const auto shut = co_await pod->sandbox().shutdown_sandbox(end);
  EXPECT_TRUE(shut) << shut.error().message();
  co_await pod->close();
}

}  // namespace

TEST_F(Sandbox, ContainersOfAPodShareAMachineThatOutlivesThem) {
  const auto answer = shim_->start(bootstrap_parameters());
  ::containerd::runtime::bootstrap::v1::BootstrapResult result;
  ASSERT_TRUE(result.ParseFromString(answer));
  EXPECT_EQ(result.version(), 3);
  EXPECT_EQ(result.protocol(), "ttrpc");
  EXPECT_EQ(result.address(), shim_->address());
  run(live_in_a_pod(result.address()));
  EXPECT_TRUE(e2e::eventually([] { return gone(); }));
  EXPECT_EQ(shim_->remove(), 0);
}

TEST_F(Sandbox, StopEndsWhatRunsInIt) {
  const auto address = shim_->start();
  EXPECT_EQ(address, shim_->address()) << "nothing is known of containerd: the plain address";
  run(stop_with_a_container(address));
  EXPECT_TRUE(e2e::eventually([] { return gone(); }));
  EXPECT_EQ(shim_->remove(), 0);
}
