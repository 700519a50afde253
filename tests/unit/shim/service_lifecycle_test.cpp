// How containers and execs live and end, as containerd sees it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "containerd/events/task.pb.h"
#include "containerd/runc/v1/oci.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/unit/shim/shim_fixture.hpp"

using flow::awaitable;
using tests::fixture_test;
using tests::settle;
using tests::shim_fixture;
namespace api = containerd::task::v2;

namespace {

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

awaitable<void> keep(awaitable<std::uint32_t> waiting, std::optional<std::uint32_t>& to) {
  to = co_await std::move(waiting);
}

// The task exits that containerd was told of, in order: "c1" or an exec's id.
std::vector<std::string> exits(const tests::fake_containerd& told) {
  std::vector<std::string> ids;
  for (const auto& one : told.taken) {
    containerd::events::TaskExit event;
    if (one.envelope().topic() == "/tasks/exit" &&
        event.ParseFromString(one.envelope().event().value())) {
      ids.push_back(event.id());
    }
  }
  return ids;
}

}  // namespace

class TaskLifecycle : public tests::private_mounts {};

TEST_F(TaskLifecycle, StatesExitStatusAndEventsFollowTheProcess) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create("c1");
    const auto created = co_await b.state("c1");
    EXPECT_EQ(created.status(), containerd::v1::types::CREATED);
    EXPECT_NE(created.pid(), 0U);
    EXPECT_EQ(created.bundle(), b.directory / "c1");
    EXPECT_EQ(created.exited_at().seconds(), -62135596800) << "not exited: Go's zero time";
    std::optional<std::uint32_t> status;
    tasks.spawn("wait", keep(b.wait("c1"), status));

    co_await b.start("c1");
    const auto running = co_await b.state("c1");
    EXPECT_EQ(running.status(), containerd::v1::types::RUNNING);
    EXPECT_FALSE(status);

    b.agent.exit(b.last_init(), 3);
    co_await tasks.join();
    EXPECT_EQ(status, 3U);
    const auto stopped = co_await b.state("c1");
    EXPECT_EQ(stopped.status(), containerd::v1::types::STOPPED);
    EXPECT_EQ(stopped.exit_status(), 3U);
    EXPECT_EQ(stopped.exited_at().seconds(), 1'700'000'000);
    EXPECT_EQ(stopped.exited_at().nanos(), 123'456'789);
    EXPECT_EQ(::kill(static_cast<pid_t>(created.pid()), 0), -1) << "its pid is gone";

    api::DeleteRequest request;
    request.set_id("c1");
    const auto deleted = co_await b.task->delete_(request);
    EXPECT_TRUE(deleted);
    EXPECT_EQ(deleted.value().exit_status(), 3U);
    EXPECT_EQ(deleted.value().pid(), created.pid());
    co_await b.containerd.until_taken(4);
    const std::vector<std::string> wanted{"/tasks/create", "/tasks/start", "/tasks/exit",
                                          "/tasks/delete"};
    EXPECT_EQ(b.containerd.topics(), wanted);
  });
}

TEST_F(TaskLifecycle, ContainerThatWasNeverStartedIsEndedByDelete) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.remove("c1");
    EXPECT_EQ(b.agent.last_kill.signal(), static_cast<std::uint32_t>(SIGKILL));
    co_await b.agent.until_called("DeleteContainer");
  });
}

TEST_F(TaskLifecycle, KillReachesTheProcessOfTheGuest) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    const auto failure = co_await b.try_kill("c1", SIGTERM);
    EXPECT_FALSE(failure.code());
    EXPECT_EQ(b.agent.last_kill.signal(), static_cast<std::uint32_t>(SIGTERM));
    EXPECT_EQ(b.agent.last_kill.process(), b.last_init());
    const auto forced = co_await b.try_kill("c1", SIGKILL);
    EXPECT_FALSE(forced.code());
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 137U);
  });
}

TEST_F(TaskLifecycle, MachineThatDiesEndsEveryProcess) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.exec("c1", "e1");
    co_await b.start("c1", "e1");
    std::optional<std::uint32_t> init;
    std::optional<std::uint32_t> exec;
    tasks.spawn("wait", keep(b.wait("c1"), init));
    tasks.spawn("wait", keep(b.wait("c1", "e1"), exec));
    co_await settle(b.executor);
    b.machine.end("qemu was killed");
    co_await tasks.join();
    EXPECT_EQ(init, 255U);
    EXPECT_EQ(exec, 255U);
    co_await b.remove("c1", "e1");
    co_await b.remove("c1");
    EXPECT_TRUE(b.service.idle());
  });
}

TEST_F(TaskLifecycle, MachineThatDiesBeforeAKillIsAnsweredStillCountsAsKilled) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.hold("Kill");
    flow::task_group tasks(b.executor, fail_test);
    tasks.spawn("end", [](shim_fixture& bench) -> awaitable<void> {
      co_await bench.agent.until_called("Kill");
      bench.machine.end("gone");
    }(b));
    const auto killed = co_await b.try_kill("c1", SIGKILL);
    EXPECT_FALSE(killed.code()) << killed.message();
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 137U);
    co_await tasks.join();
  });
}

TEST_F(TaskLifecycle, AgentThatHangsUpEndsTheSandbox) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.hang_up();
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 255U);
    EXPECT_TRUE(b.machine.ended());
  });
}

TEST_F(TaskLifecycle, ExitIsToldOnlyWhenItsOutputWasRead) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    auto request = b.create_request("c1");
    request.set_stdout(b.make_fifo("out"));
    const flow::unique_fd client(::open(request.stdout().c_str(), O_RDONLY | O_NONBLOCK));
    const auto created = co_await b.task->create(request);
    EXPECT_TRUE(created);
    co_await b.start("c1");
    b.agent.write(b.last_init(), "the last words");
    b.agent.exit(b.last_init(), 0);
    std::optional<std::uint32_t> status;
    tasks.spawn("wait", keep(b.wait("c1"), status));
    co_await settle(b.executor);
    EXPECT_FALSE(status);
    const auto state = co_await b.state("c1");
    EXPECT_EQ(state.status(), containerd::v1::types::RUNNING);
    EXPECT_TRUE(exits(b.containerd).empty());

    std::string got(100, '\0');
    got.resize(static_cast<std::size_t>(
        std::max<ssize_t>(::read(client.get(), got.data(), got.size()), 0)));
    EXPECT_EQ(got, "the last words");
    co_await tasks.join();
    EXPECT_EQ(status, 0U);
  });
}

TEST_F(TaskLifecycle, ExitOfTheFirstProcessIsTheLastOne) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.exec("c1", "e1");
    co_await b.start("c1", "e1");
    b.agent.exit(b.last_init(), 0);
    co_await settle(b.executor);
    EXPECT_TRUE(exits(b.containerd).empty());
    b.agent.exit(b.agent.last_exec.process(), 1);
    co_await b.wait("c1");
    co_await b.containerd.until_taken(6);
    const std::vector<std::string> wanted{"e1", "c1"};
    EXPECT_EQ(exits(b.containerd), wanted);
  });
}

TEST_F(TaskLifecycle, ExitIsToldWhereAnExecsStartFailsMeanwhile) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.exec("c1", "e1");
    b.agent.hold("Exec");
    b.agent.failures["Exec"] = flow::error(ttrpc::code::unknown, "the container has ended");
    tasks.spawn("start", [](shim_fixture& bench) -> awaitable<void> {
      const auto failure = co_await bench.try_start("c1", "e1");
      EXPECT_TRUE(failure.code());
    }(b));
    co_await b.agent.until_called("Exec");
    b.agent.exit(b.last_init(), 3);
    co_await settle(b.executor);
    EXPECT_TRUE(exits(b.containerd).empty()) << "the exec may still have an exit of its own";
    b.agent.release("Exec");
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 3U);
    co_await tasks.join();
  });
}

TEST_F(TaskLifecycle, ProcessThatEndsAtOnceIsToldToHaveStartedFirst) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create("c1");
    b.agent.hold("StartContainer");
    tasks.spawn("start", b.start("c1"));
    co_await b.agent.until_called("StartContainer");
    b.agent.exit(b.last_init(), 0);
    co_await settle(b.executor);
    EXPECT_TRUE(exits(b.containerd).empty());
    b.agent.release("StartContainer");
    co_await tasks.join();
    co_await b.wait("c1");
    co_await b.containerd.until_taken(3);
    EXPECT_EQ(b.containerd.topics().back(), "/tasks/exit");
    EXPECT_EQ(b.containerd.topics().at(1), "/tasks/start");
  });
}

TEST_F(TaskLifecycle, ExitsThatTheGuestMakesUpChangeNothing) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.exit(0, 1);
    b.agent.exit(4'000'000'000U, 1);
    b.agent.say(hvsock::agent::v1::Event());
    co_await settle(b.executor);
    const auto state = co_await b.state("c1");
    EXPECT_EQ(state.status(), containerd::v1::types::RUNNING);
    b.agent.exit(b.last_init(), 7);
    b.agent.exit(b.last_init(), 8);
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 7U);
    co_await settle(b.executor);
    EXPECT_EQ(exits(b.containerd).size(), 1U);
  });
}

TEST_F(TaskLifecycle, SizeGivenBeforeTheStartIsTheOneTheProgramFinds) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    auto request = b.create_request("c1");
    request.set_terminal(true);
    const auto created = co_await b.task->create(request);
    EXPECT_TRUE(created);
    api::ResizePtyRequest resize;
    resize.set_id("c1");
    resize.set_width(132);
    resize.set_height(43);
    const auto resized = co_await b.task->resize_pty(resize);
    EXPECT_TRUE(resized);
    EXPECT_EQ(b.agent.called("ResizePty"), 0U);
    co_await b.start("c1");
    EXPECT_EQ(b.agent.last_resize.process(), b.last_init());
    EXPECT_EQ(b.agent.last_resize.console_size().width(), 132U);
    EXPECT_EQ(b.agent.last_resize.console_size().height(), 43U);
  });
}

TEST_F(TaskLifecycle, PidsNameTheExecs) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.exec("c1", "e1");
    co_await b.start("c1", "e1");
    // As the kernel lists them, in no order; the task is first all the same.
    for (const auto number : {b.agent.last_exec.process(), 0U, b.last_init()}) {
      auto& one = *b.agent.pids_answer.add_processes();
      one.set_pid(99);
      one.set_process(number);
    }
    api::PidsRequest request;
    request.set_id("c1");
    const auto pids = co_await b.task->pids(request);
    EXPECT_EQ(pids.value().processes_size(), 3);
    const auto init = co_await b.state("c1");
    EXPECT_EQ(pids.value().processes(0).pid(), init.pid());
    const auto exec = co_await b.state("c1", "e1");
    EXPECT_EQ(pids.value().processes(1).pid(), exec.pid());
    containerd::runc::v1::ProcessDetails details;
    EXPECT_TRUE(details.ParseFromString(pids.value().processes(1).info().value()));
    EXPECT_EQ(details.exec_id(), "e1");
    EXPECT_EQ(pids.value().processes(2).pid(), 99U);
  });
}

TEST_F(TaskLifecycle, PidsAreNeverEmptyEvenIfTheGuestKnowsNone) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    api::PidsRequest request;
    request.set_id("c1");
    const auto pids = co_await b.task->pids(request);
    EXPECT_EQ(pids.value().processes_size(), 1);
  });
}

TEST_F(TaskLifecycle, PidsAnsweredAfterTheContainerWasDeletedHarmNobody) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.hold("Pids");
    b.agent.pids_answer.add_processes()->set_process(b.last_init());
    tasks.spawn("pids", [](shim_fixture& bench) -> awaitable<void> {
      api::PidsRequest request;
      request.set_id("c1");
      const auto pids = co_await bench.task->pids(request);
      EXPECT_TRUE(pids);
    }(b));
    co_await b.agent.until_called("Pids");
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    co_await b.remove("c1");
    b.agent.release("Pids");
    co_await tasks.join();
  });
}

TEST_F(TaskLifecycle, ContainerMayBeDeletedWhileAnExecOfItIs) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.exec("c1", "e1");
    co_await b.start("c1", "e1");
    b.agent.exit(b.agent.last_exec.process(), 0);
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    b.agent.hold("DeleteProcess");
    tasks.spawn("delete exec", b.remove("c1", "e1"));
    co_await b.agent.until_called("DeleteProcess");
    co_await b.remove("c1");
    b.agent.release("DeleteProcess");
    co_await tasks.join();
    EXPECT_TRUE(b.service.idle());
  });
}

TEST_F(TaskLifecycle, ContainersMayBeDeletedWhileTheShimEnds) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    // c1's reader holds up its exit while c2 is deleted.
    auto request = b.create_request("c1");
    request.set_stdout(b.make_fifo("out"));
    const flow::unique_fd client(::open(request.stdout().c_str(), O_RDONLY | O_NONBLOCK));
    const auto created = co_await b.task->create(request);
    EXPECT_TRUE(created);
    const auto first = b.last_init();
    co_await b.create("c2");
    co_await b.start("c1");
    co_await b.start("c2");
    b.agent.write(first, "unread");
    co_await settle(b.executor);
    b.machine.end("killed");
    co_await b.wait("c2");
    tasks.spawn("join", b.service.join());
    co_await b.remove("c2");
    std::string got(100, '\0');
    EXPECT_EQ(::read(client.get(), got.data(), got.size()), 6);
    co_await tasks.join();
    EXPECT_TRUE(b.service.idle());
  });
}

TEST_F(TaskLifecycle, ExecWithoutAPlaceholderClosesTheClientsStreams) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    api::ExecProcessRequest request;
    request.set_id("c1");
    request.set_exec_id("e1");
    request.mutable_spec()->set_value(R"({"args": ["true"]})");
    request.set_stdout(b.make_fifo("out"));
    const flow::unique_fd client(::open(request.stdout().c_str(), O_RDONLY | O_NONBLOCK));
    const auto added = co_await b.task->exec(request);
    EXPECT_TRUE(added);
    // Without the process that stands for the container there is no network to put another into.
    const auto state = co_await b.state("c1");
    ::kill(static_cast<pid_t>(state.pid()), SIGKILL);
    siginfo_t gone{};
    ::waitid(P_PID, state.pid(), &gone, WEXITED | WNOWAIT);
    const auto started = co_await b.try_start("c1", "e1");
    EXPECT_TRUE(started.code());
    co_await settle(b.executor);
    char byte = 0;
    EXPECT_EQ(::read(client.get(), &byte, 1), 0) << "the client waits for an end that never comes";
  });
}

TEST_F(TaskLifecycle, InputReachesTheProcessAndEndsWithCloseIo) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    auto request = b.create_request("c1");
    request.set_stdin(b.make_fifo("in"));
    const auto created = co_await b.task->create(request);
    EXPECT_TRUE(created);
    co_await b.start("c1");
    {
      const flow::unique_fd client(::open(request.stdin().c_str(), O_WRONLY | O_NONBLOCK));
      EXPECT_EQ(::write(client.get(), "hello ", 6), 6);
    }
    co_await settle(b.executor);
    {
      const flow::unique_fd again(::open(request.stdin().c_str(), O_WRONLY | O_NONBLOCK));
      EXPECT_EQ(::write(again.get(), "again", 5), 5) << "a client may come back";
    }
    api::CloseIORequest close;
    close.set_id("c1");
    close.set_stdin(true);
    const auto closed = co_await b.task->close_io(close);
    EXPECT_TRUE(closed);
    const auto got = co_await b.agent.read_stdin(b.last_init());
    EXPECT_EQ(got, "hello again");
  });
}
