// What the Task service answers to calls that do not fit the state.
#include <gtest/gtest.h>

#include <csignal>

#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/unit/shim/shim_fixture.hpp"

using flow::awaitable;
using flow::error;
using tests::fixture_test;
using tests::shim_fixture;
using ttrpc::code;
namespace api = containerd::task::v2;

namespace {

void expect_code(const error& got, code wanted) {
  EXPECT_EQ(got.code(), flow::error_code(wanted)) << got.message();
}

awaitable<void> expect_error(awaitable<error> step, code wanted) {
  const auto got = co_await std::move(step);
  expect_code(got, wanted);
}

}  // namespace

class TaskCalls : public tests::private_mounts {};

TEST_F(TaskCalls, UnknownContainerIsNotFoundByEveryCall) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await expect_error(b.try_start("nobody"), code::not_found);
    co_await expect_error(b.try_exec("nobody", "e1"), code::not_found);
    co_await expect_error(b.try_kill("nobody", SIGTERM), code::not_found);
    co_await expect_error(b.try_wait("nobody"), code::not_found);
    const auto deleted = co_await b.try_delete("nobody");
    expect_code(deleted, code::not_found);
    EXPECT_NE(deleted.message().find("nobody"), std::string::npos) << deleted.message();

    api::StateRequest state;
    state.set_id("nobody");
    const auto known = co_await b.task->state(state);
    expect_code(known.error(), code::not_found);
    api::PidsRequest pids;
    pids.set_id("nobody");
    const auto listed = co_await b.task->pids(pids);
    expect_code(listed.error(), code::not_found);
    api::ResizePtyRequest resize;
    resize.set_id("nobody");
    const auto resized = co_await b.task->resize_pty(resize);
    expect_code(resized.error(), code::not_found);
    api::CloseIORequest close;
    close.set_id("nobody");
    const auto closed = co_await b.task->close_io(close);
    expect_code(closed.error(), code::not_found);
  });
}

TEST_F(TaskCalls, UnknownExecIsNotFound) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await expect_error(b.try_start("c1", "e1"), code::not_found);
    co_await expect_error(b.try_wait("c1", "e1"), code::not_found);
    const auto killed = co_await b.try_kill("c1", SIGTERM, "e1");
    expect_code(killed, code::not_found);
    EXPECT_NE(killed.message().find("process does not exist e1"), std::string::npos)
        << killed.message();
  });
}

TEST_F(TaskCalls, SecondCreateOfAnIdIsRefusedAndTheFirstLives) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    api::CreateTaskRequest again;
    again.set_id("c1");
    again.set_bundle(b.directory / "c1");
    const auto second = co_await b.task->create(again);
    expect_code(second.error(), code::already_exists);
    co_await b.start("c1");
  });
}

TEST_F(TaskCalls, CreateOfABrokenBundleFailsAndLeavesNothing) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    auto request = b.create_request("c1");
    b.make_bundle("c1", "{\"root\": 1}");
    const auto broken = co_await b.task->create(request);
    expect_code(broken.error(), code::invalid_argument);
    EXPECT_TRUE(b.service.idle());
    EXPECT_EQ(b.agent.called("CreateContainer"), 0U);
    co_await b.create("c1");
  });
}

TEST_F(TaskCalls, CreateWithAnUnknownStdioSchemeIsAnInvalidArgument) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    auto request = b.create_request("c1");
    request.set_stdout("carrier-pigeon:///tmp/x");
    const auto created = co_await b.task->create(request);
    expect_code(created.error(), code::invalid_argument);
    EXPECT_TRUE(b.service.idle());
  });
}

TEST_F(TaskCalls, CheckpointsAreNotRestored) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    auto request = b.create_request("c1");
    request.set_checkpoint("/tmp/image");
    const auto created = co_await b.task->create(request);
    expect_code(created.error(), code::unimplemented);
  });
}

TEST_F(TaskCalls, WhatTheAgentSaysOfABundleReachesTheClient) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    b.agent.failures["CreateContainer"] = error(code::invalid_argument, "crun: no such program");
    const auto request = b.create_request("c1");
    const auto created = co_await b.task->create(request);
    expect_code(created.error(), code::invalid_argument);
    EXPECT_NE(created.error().message().find("no such program"), std::string::npos);
    EXPECT_TRUE(b.service.idle());
    EXPECT_TRUE(std::filesystem::is_empty(b.files.entries())) << "nothing may stay shared";
    EXPECT_TRUE(b.containerd.taken.empty());
  });
}

TEST_F(TaskCalls, ContainerThatIsStillBeingCreatedIsNotThereYet) {
  fixture_test<shim_fixture>(
      [](shim_fixture& b) -> awaitable<void> {
        b.sandbox.start();
        flow::task_group tasks(b.executor, [](const std::string&, const std::exception_ptr&) {});
        tasks.spawn("create", b.create("c1"));
        while (b.service.idle()) {
          co_await boost::asio::post(b.executor, boost::asio::use_awaitable);
        }
        co_await expect_error(b.try_kill("c1", SIGKILL), code::not_found);
        co_await expect_error(b.try_start("c1"), code::not_found);
        co_await expect_error(b.try_exec("c1", "e1"), code::not_found);
        co_await expect_error(b.try_delete("c1"), code::not_found);
        api::PidsRequest pids;
        pids.set_id("c1");
        const auto listed = co_await b.task->pids(pids);
        expect_code(listed.error(), code::not_found);
        b.agent.boot();
        co_await tasks.join();
        co_await b.start("c1");
      },
      false);
}

TEST_F(TaskCalls, MachineThatDoesNotStartFailsTheCreateWithItsReason) {
  fixture_test<shim_fixture>(
      [](shim_fixture& b) -> awaitable<void> {
        b.machine.start_failure = error(flow::errc::unavailable, "no hypervisor today");
        b.sandbox.start();
        const auto request = b.create_request("c1");
        const auto created = co_await b.task->create(request);
        expect_code(created.error(), code::unavailable);
        EXPECT_NE(created.error().message().find("no hypervisor today"), std::string::npos)
            << created.error().message();
      },
      false);
}

TEST_F(TaskCalls, StartTwiceAndStartAfterTheEndAreRefused) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    co_await expect_error(b.try_start("c1"), code::failed_precondition);
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    co_await expect_error(b.try_start("c1"), code::failed_precondition);
    EXPECT_EQ(b.agent.called("StartContainer"), 1U);
  });
}

TEST_F(TaskCalls, RunningProcessIsNotDeleted) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    co_await expect_error(b.try_delete("c1"), code::failed_precondition);
    const auto state = co_await b.state("c1");
    EXPECT_EQ(state.status(), containerd::v1::types::RUNNING);
  });
}

TEST_F(TaskCalls, WhatTheAgentSaysOfAVolumeNamesItAsTheHostDoes) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    const std::string root = "/run/hvsock/share/0";
    b.agent.failures["CreateContainer"] =
        error(code::invalid_argument, "mount `" + root + "` to `bin`, not " + root + "1");
    const auto request = b.create_request("c1");
    const auto created = co_await b.task->create(request);
    EXPECT_EQ(created.error().context(),
              "mount `" + request.bundle() + "/rootfs` to `bin`, not " + root + "1");
  });
}

TEST_F(TaskCalls, VolumeOfTwoContainersIsOneFileSystemToTheGuest) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    std::vector<std::vector<std::string>> shares;
    for (const std::string id : {"c1", "c2"}) {
      const auto request = b.create_request(id);
      b.make_bundle(id, R"({"process": {"args": ["true"]}, "root": {"path": "rootfs"}, "linux": {},
                            "mounts": [{"type": "bind", "source": "/usr", "destination": "/data",
                                        "options": ["rbind"]}]})");
      const auto created = co_await b.task->create(request);
      EXPECT_TRUE(created) << created.error().message();
      const auto& told = b.agent.last_create.shares();
      shares.emplace_back(told.begin(), told.end());
    }
    // The root file system of either is its own.
    EXPECT_EQ(shares.at(0), (std::vector<std::string>{"0", "1"}));
    EXPECT_EQ(shares.at(1), (std::vector<std::string>{"1", "2"}));
  });
}

TEST_F(TaskCalls, DeletedContainerIsUnknownAndItsIdFree) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.exit(b.last_init(), 3);
    co_await b.wait("c1");
    co_await b.remove("c1");
    co_await expect_error(b.try_delete("c1"), code::not_found);
    EXPECT_TRUE(std::filesystem::is_empty(b.files.entries()));
    co_await b.create("c1");
  });
}

TEST_F(TaskCalls, SignalForAProcessThatHasEndedIsNotFound) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    for (const auto signal : {15U, 9U}) {
      const auto killed = co_await b.try_kill("c1", signal);
      expect_code(killed, code::not_found);
      EXPECT_NE(killed.message().find("process already finished"), std::string::npos);
    }
    EXPECT_EQ(b.agent.called("Kill"), 0U);
  });
}

TEST_F(TaskCalls, SignalThatIsNoneIsAnInvalidArgument) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    for (const auto signal : {65U, 0x80000000U, 0xffffffffU}) {
      co_await expect_error(b.try_kill("c1", signal), code::invalid_argument);
    }
    const auto alive = co_await b.try_kill("c1", 0);
    EXPECT_FALSE(alive.code()) << alive.message();
    EXPECT_EQ(b.agent.called("Kill"), 1U);
  });
}

TEST_F(TaskCalls, KillOfAllIsAskedOfTheGuest) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    api::KillRequest request;
    request.set_id("c1");
    request.set_signal(SIGTERM);
    request.set_all(true);
    const auto killed = co_await b.task->kill(request);
    EXPECT_TRUE(killed) << killed.error().message();
    EXPECT_TRUE(b.agent.last_kill.all());
    EXPECT_EQ(b.agent.last_kill.container(), b.agent.last_create.container());
  });
}

TEST_F(TaskCalls, NetworkThatIsNotThereFailsTheCreateAndNamesIt) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    auto request = b.create_request("c1");
    b.make_bundle("c1", R"({"process": {}, "root": {"path": "rootfs"}, "linux": {"namespaces":
        [{"type": "network", "path": "/nonexistent/netns"}]}})");
    const auto created = co_await b.task->create(request);
    expect_code(created.error(), code::invalid_argument);
    EXPECT_NE(created.error().message().find("/nonexistent/netns"), std::string::npos)
        << created.error().message();
    EXPECT_EQ(b.agent.called("CreateContainer"), 0U);
    EXPECT_TRUE(b.service.idle());
  });
}

TEST_F(TaskCalls, PidsOfTheTaskAndItsExecsAreInItsNetwork) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    auto request = b.create_request("c1");
    b.make_bundle("c1", R"({"process": {}, "root": {"path": "rootfs"}, "linux": {"namespaces":
        [{"type": "pid"}, {"type": "network"}]}})");
    const auto created = co_await b.task->create(request);
    EXPECT_TRUE(created) << created.error().message();
    co_await b.start("c1");
    co_await b.exec("c1", "e1");
    co_await b.start("c1", "e1");
    const auto network_of = [](std::uint32_t pid) {
      return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/net").string();
    };
    const auto init = co_await b.state("c1");
    const auto exec = co_await b.state("c1", "e1");
    EXPECT_NE(network_of(init.pid()), network_of(static_cast<std::uint32_t>(::getpid())));
    EXPECT_EQ(network_of(init.pid()), network_of(exec.pid()));
  });
}

TEST_F(TaskCalls, ExecNeedsAnIdOfItsOwn) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    co_await expect_error(b.try_exec("c1", ""), code::invalid_argument);
    co_await b.exec("c1", "e1");
    co_await expect_error(b.try_exec("c1", "e1"), code::already_exists);
  });
}

TEST_F(TaskCalls, ExecOfSomethingThatIsNoProcessIsAnInvalidArgument) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    api::ExecProcessRequest request;
    request.set_id("c1");
    request.set_exec_id("e1");
    request.mutable_spec()->set_value("[1, 2]");
    const auto added = co_await b.task->exec(request);
    expect_code(added.error(), code::invalid_argument);
    co_await expect_error(b.try_start("c1", "e1"), code::not_found);
  });
}

TEST_F(TaskCalls, ExecIsStartedOnlyInARunningContainer) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.exec("c1", "e1");
    co_await expect_error(b.try_start("c1", "e1"), code::failed_precondition);
    co_await b.start("c1");
    co_await b.start("c1", "e1");
    co_await expect_error(b.try_delete("c1", "e1"), code::failed_precondition);
    co_await expect_error(b.try_start("c1", "e1"), code::failed_precondition);
  });
}

TEST_F(TaskCalls, ExecInAContainerThatHasEndedIsRefused) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    co_await expect_error(b.try_exec("c1", "e1"), code::failed_precondition);
  });
}

TEST_F(TaskCalls, ExecThatWasNotStartedIsNotSignalledAndCanBeDeleted) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.exec("c1", "e1");
    co_await expect_error(b.try_kill("c1", SIGTERM, "e1"), code::failed_precondition);
    co_await b.remove("c1", "e1");
    co_await expect_error(b.try_wait("c1", "e1"), code::not_found);
    EXPECT_EQ(b.agent.called("DeleteProcess"), 0U);
  });
}

TEST_F(TaskCalls, ExecThatCannotBeStartedTellsWhyAndEndsItsWait) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.exec("c1", "e1");
    b.agent.failures["Exec"] = error(code::not_found, "no such program");
    const auto started = co_await b.try_start("c1", "e1");
    EXPECT_NE(started.message().find("no such program"), std::string::npos);
    co_await expect_error(b.try_start("c1", "e1"), code::failed_precondition);
    co_await b.wait("c1", "e1");
    co_await b.remove("c1", "e1");
  });
}

TEST_F(TaskCalls, ShutdownIsHeardOnlyWhenNoContainerIsLeft) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    const auto early = co_await b.task->shutdown(api::ShutdownRequest());
    EXPECT_TRUE(early);
    EXPECT_FALSE(b.asked_to_end);
    co_await b.remove("c1");
    const auto late = co_await b.task->shutdown(api::ShutdownRequest());
    EXPECT_TRUE(late);
    EXPECT_TRUE(b.asked_to_end);
  });
}

TEST_F(TaskCalls, ConnectTellsThePidsOfTheShimAndOfTheTask) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    api::ConnectRequest request;
    request.set_id("c1");
    const auto before = co_await b.task->connect(request);
    EXPECT_TRUE(before);
    EXPECT_EQ(before.value().task_pid(), 0U);
    co_await b.create("c1");
    const auto connected = co_await b.task->connect(request);
    const auto state = co_await b.state("c1");
    EXPECT_EQ(connected.value().shim_pid(), static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(connected.value().task_pid(), state.pid());
    EXPECT_EQ(::kill(static_cast<pid_t>(state.pid()), 0), 0) << "it is a process of this host";
  });
}
