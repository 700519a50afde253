// Pause and Resume, and what the Task service answers while a container is paused.
#include <gtest/gtest.h>

#include <csignal>

#include "containerd/events/task.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/unit/shim/shim_fixture.hpp"

using flow::awaitable;
using flow::error;
using tests::fixture_test;
using tests::settle;
using tests::shim_fixture;
using ttrpc::code;
namespace api = containerd::task::v2;
namespace status = containerd::v1::types;

namespace {

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

awaitable<error> try_pause(shim_fixture& b) {
  api::PauseRequest request;
  request.set_id("c1");
  const auto r = co_await b.task->pause(request);
  co_return r ? error() : r.error();
}

awaitable<error> try_resume(shim_fixture& b) {
  api::ResumeRequest request;
  request.set_id("c1");
  const auto r = co_await b.task->resume(request);
  co_return r ? error() : r.error();
}

awaitable<void> succeed(awaitable<error> step) {
  const auto failure = co_await std::move(step);
  EXPECT_FALSE(failure.code()) << failure.message();
}

// A running container.
awaitable<void> run(shim_fixture& b) {
  co_await b.create("c1");
  co_await b.start("c1");
}

void expect_refused(const error& got, const std::string& text) {
  EXPECT_EQ(got.code(), flow::error_code(code::failed_precondition)) << got.message();
  EXPECT_EQ(got.context(), text);
}

}  // namespace

class TaskFreezer : public tests::private_mounts {};

TEST_F(TaskFreezer, PausedContainerSaysSoWithItsExecsUntilItIsResumed) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await run(b);
    co_await b.exec("c1", "e1");
    co_await b.start("c1", "e1");
    co_await b.exec("c1", "created");
    co_await succeed(try_pause(b));
    EXPECT_EQ(b.agent.called("Pause"), 1U);
    const auto init = co_await b.state("c1");
    EXPECT_EQ(init.status(), status::PAUSED);
    const auto exec = co_await b.state("c1", "e1");
    EXPECT_EQ(exec.status(), status::PAUSED);
    const auto created = co_await b.state("c1", "created");
    EXPECT_EQ(created.status(), status::CREATED);
    co_await succeed(try_resume(b));
    const auto resumed = co_await b.state("c1");
    EXPECT_EQ(resumed.status(), status::RUNNING);
    co_await b.containerd.until_taken(7);
    const auto topics = b.containerd.topics();
    EXPECT_EQ(topics.at(5), "/tasks/paused");
    EXPECT_EQ(topics.at(6), "/tasks/resumed");
    containerd::events::TaskPaused paused;
    EXPECT_TRUE(paused.ParseFromString(b.containerd.taken.at(5).envelope().event().value()));
    EXPECT_EQ(paused.container_id(), "c1");
    EXPECT_EQ(b.containerd.taken.at(5).envelope().event().type_url(),
              "containerd.events.TaskPaused");
  });
}

TEST_F(TaskFreezer, OnlyWhatRunsIsPausedAndOnlyWhatIsPausedResumed) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    const auto unknown = co_await try_pause(b);
    EXPECT_EQ(unknown.code(), flow::error_code(code::not_found));
    const auto nobody = co_await try_resume(b);
    EXPECT_EQ(nobody.code(), flow::error_code(code::not_found));
    co_await b.create("c1");
    const auto created = co_await try_pause(b);
    expect_refused(created, "cannot pause task in created state");
    co_await b.start("c1");
    const auto running = co_await try_resume(b);
    expect_refused(running, "cannot resume task in running state");
    co_await succeed(try_pause(b));
    const auto paused = co_await try_pause(b);
    expect_refused(paused, "cannot pause task in paused state");
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    const auto stopped = co_await try_pause(b);
    expect_refused(stopped, "cannot pause task in stopped state");
    const auto ended = co_await try_resume(b);
    expect_refused(ended, "cannot resume task in stopped state");
    EXPECT_EQ(b.agent.called("Pause"), 1U);
    EXPECT_EQ(b.agent.called("Resume"), 0U);
  });
}

TEST_F(TaskFreezer, NothingIsAddedStartedOrDeletedWhilePaused) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await run(b);
    co_await b.exec("c1", "e1");
    co_await succeed(try_pause(b));
    const auto added = co_await b.try_exec("c1", "e2");
    expect_refused(added, "cannot exec in a paused state");
    const auto started = co_await b.try_start("c1", "e1");
    expect_refused(started, "cannot exec in a paused state");
    const auto deleted = co_await b.try_delete("c1");
    expect_refused(deleted, "cannot delete a paused process");
    co_await b.remove("c1", "e1");
    EXPECT_EQ(b.agent.called("Exec"), 0U);
  });
}

TEST_F(TaskFreezer, KilledWhilePausedIsToldAndDeleted) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await run(b);
    co_await succeed(try_pause(b));
    co_await succeed(b.try_kill("c1", SIGKILL));
    const auto exit_status = co_await b.wait("c1");
    EXPECT_EQ(exit_status, 137U);
    const auto state = co_await b.state("c1");
    EXPECT_EQ(state.status(), status::STOPPED);
    co_await b.remove("c1");
  });
}

TEST_F(TaskFreezer, ExecThatIsBeingStartedIsNotFrozenHalfWay) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await run(b);
    co_await b.exec("c1", "e1");
    co_await b.exec("c1", "e2");
    b.agent.hold("Exec");
    tasks.spawn("start", b.start("c1", "e1"));
    co_await b.agent.until_called("Exec");
    tasks.spawn("pause", succeed(try_pause(b)));
    co_await settle(b.executor);
    EXPECT_EQ(b.agent.called("Pause"), 0U);
    const auto state = co_await b.state("c1");
    EXPECT_EQ(state.status(), status::PAUSING);
    const auto another = co_await b.try_start("c1", "e2");
    expect_refused(another, "cannot exec in a paused state");
    b.agent.release("Exec");
    co_await tasks.join();
    const auto exec = co_await b.state("c1", "e1");
    EXPECT_EQ(exec.status(), status::PAUSED);
  });
}

TEST_F(TaskFreezer, PauseOfAContainerThatEndsMeanwhileIsRefused) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    flow::task_group tasks(b.executor, fail_test);
    co_await run(b);
    co_await b.exec("c1", "e1");
    b.agent.hold("Exec");
    b.agent.failures["Exec"] = error(code::unknown, "the container has ended");
    tasks.spawn("start", [](shim_fixture& bench) -> awaitable<void> {
      const auto failure = co_await bench.try_start("c1", "e1");
      EXPECT_TRUE(failure.code());
    }(b));
    co_await b.agent.until_called("Exec");
    tasks.spawn("pause", [](shim_fixture& bench) -> awaitable<void> {
      const auto failure = co_await try_pause(bench);
      expect_refused(failure, "cannot pause task in stopped state");
    }(b));
    co_await settle(b.executor);
    b.agent.exit(b.last_init(), 0);
    co_await settle(b.executor);
    b.agent.release("Exec");
    co_await tasks.join();
    co_await b.wait("c1");
  });
}

TEST_F(TaskFreezer, PauseThatFailsInTheGuestLeavesTheContainerRunning) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await run(b);
    b.agent.failures["Pause"] = error(code::unknown, "crun: no freezer");
    const auto failure = co_await try_pause(b);
    EXPECT_NE(failure.message().find("no freezer"), std::string::npos) << failure.message();
    const auto state = co_await b.state("c1");
    EXPECT_EQ(state.status(), status::RUNNING);
    b.agent.failures.clear();
    co_await succeed(try_pause(b));
    b.agent.failures["Resume"] = error(code::unknown, "not now");
    const auto stays = co_await try_resume(b);
    EXPECT_TRUE(stays.code());
    const auto paused = co_await b.state("c1");
    EXPECT_EQ(paused.status(), status::PAUSED);
    b.agent.failures.clear();
    co_await succeed(try_resume(b));
  });
}
