// Pause, resume, update, metrics, and memory that runs out.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "agent/container/containers.hpp"
#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/unit/agent/agent_fixture.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using flow::awaitable;
using namespace tests;

namespace {

const hvsock::agent::v1::Stdio no_streams;

// A container 1 whose first process is 10, with a cgroup of its own.
awaitable<void> run(agent_fixture& f, std::string script) {
  f.make_cgroup(1, "");
  f.write_cgroup(1, "memory.events", "low 0\noom 0\noom_kill 0\n");
  const auto pid = co_await f.containers.create(1, 10, script, no_streams);
  EXPECT_TRUE(pid) << failure_of(pid);
  const auto started = co_await f.containers.start(1);
  EXPECT_TRUE(started) << failure_of(started);
}

}  // namespace

TEST(ContainersResources, PauseAndResumeAreCruns) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    co_await run(f, "sleep 1000");
    const auto paused = co_await f.containers.pause(1);
    EXPECT_TRUE(paused) << failure_of(paused);
    const auto resumed = co_await f.containers.resume(1);
    EXPECT_TRUE(resumed) << failure_of(resumed);
    EXPECT_EQ(f.calls(), "create c1, start c1, pause c1, resume c1");
  });
}

TEST(ContainersResources, WhatCrunRefusesIsToldInItsWordsAndMayBeTriedAgain) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    co_await run(f, "sleep 1000");
    for (const char* verb : {"pause", "resume", "update"}) {
      f.fail(verb, R"({"msg":"not today","level":"error"})");
    }
    const auto paused = co_await f.containers.pause(1);
    EXPECT_EQ(failure_of(paused), "not today: unknown");
    const auto resumed = co_await f.containers.resume(1);
    EXPECT_EQ(failure_of(resumed), "not today: unknown");
    const auto updated = co_await f.containers.update(1, "{}");
    EXPECT_EQ(failure_of(updated), "not today: unknown");
    f.succeed("pause");
    const auto again = co_await f.containers.pause(1);
    EXPECT_TRUE(again) << failure_of(again);
  });
}

TEST(ContainersResources, VerbsOfCrunDoNotMeet) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    co_await run(f, "sleep 1000");
    started<flow::result<void>> pausing(f.executor, f.containers.pause(1));
    co_await turns(f.executor, 1);
    EXPECT_FALSE(pausing.done());
    const auto resumed = co_await f.containers.resume(1);
    EXPECT_EQ(resumed.error().code(), ttrpc::code::failed_precondition);
    const auto updated = co_await f.containers.update(1, "{}");
    EXPECT_EQ(updated.error().code(), ttrpc::code::failed_precondition);
    co_await pausing.wait();
  });
}

TEST(ContainersResources, ResourcesReachCrunAndAreNotKept) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    co_await run(f, "sleep 1000");
    const auto updated = co_await f.containers.update(1, R"({"pids":{"limit":7}})");
    EXPECT_TRUE(updated) << failure_of(updated);
    EXPECT_EQ(flow::read_file(f.directory / "resources").value(), R"({"pids":{"limit":7}})");
    EXPECT_FALSE(f.exists(f.bundle(1) + "/resources.json"));
  });
}

TEST(ContainersResources, IdsThatAreNotThereAreNotFound) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    const auto paused = co_await f.containers.pause(1);
    EXPECT_EQ(failure_of(paused), "container 1: not found");
    const auto resumed = co_await f.containers.resume(1);
    EXPECT_EQ(failure_of(resumed), "container 1: not found");
    const auto updated = co_await f.containers.update(1, "{}");
    EXPECT_EQ(failure_of(updated), "container 1: not found");
    EXPECT_EQ(failure_of(f.containers.metrics(1)), "container 1: not found");
    EXPECT_EQ(f.calls(), "");
  });
}

TEST(ContainersResources, MetricsAreReadAnewAndOutliveTheCgroup) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    co_await run(f, "sleep 1000");
    EXPECT_EQ(failure_of(f.containers.metrics(1)), "cgroup does not exist: not found");
    f.write_cgroup(1, "cpu.stat", "usage_usec 5\n");
    EXPECT_EQ(f.containers.metrics(1).value().cpu().usage_usec(), 5U);
    f.write_cgroup(1, "cpu.stat", "usage_usec 6\n");
    EXPECT_EQ(f.containers.metrics(1).value().cpu().usage_usec(), 6U);
    EXPECT_TRUE(f.containers.kill(1, 10, SIGKILL, false));
    co_await f.next_exit();
    std::filesystem::remove_all(f.cgroup(1));
    EXPECT_EQ(f.containers.metrics(1).value().cpu().usage_usec(), 6U);
    const auto removed = co_await f.containers.remove(1);
    EXPECT_TRUE(removed) << failure_of(removed);
    EXPECT_EQ(failure_of(f.containers.metrics(1)), "container 1: not found");
  });
}

TEST(ContainersResources, MetricsOfNoContainerAreThoseOfAll) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    EXPECT_TRUE(flow::write_file(f.directory / "cgroups/cpu.stat", "usage_usec 7\n"));
    EXPECT_EQ(f.containers.metrics(0).value().cpu().usage_usec(), 7U);
    co_return;
  });
}

TEST(ContainersResources, MemoryThatRunsOutIsToldOnceForEachTimeItDid) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    co_await run(f, "sleep 1000");
    f.write_cgroup(1, "memory.events", "low 0\nmax 3\noom 1\noom_kill 0\n");
    co_await turns(f.executor);
    EXPECT_TRUE(f.events.empty()) << "nothing was killed";
    f.write_cgroup(1, "memory.events", "oom_kill 2\n");
    const auto first = co_await f.next_event();
    EXPECT_EQ(first.out_of_memory().container(), 1U);
    EXPECT_EQ(first.out_of_memory().kills(), 2U);
    f.write_cgroup(1, "memory.events", "max 9\noom_kill 2\n");
    co_await turns(f.executor);
    EXPECT_TRUE(f.events.empty()) << "nothing more was killed";
    f.write_cgroup(1, "memory.events", "oom_kill 3\n");
    const auto second = co_await f.next_event();
    EXPECT_EQ(second.out_of_memory().kills(), 3U);
  });
}

TEST(ContainersResources, MemoryThatRanOutIsToldBeforeTheExitItCaused) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    // Written by the process itself just before it ends: the exit is seen with it.
    co_await run(f, "echo oom_kill 1 > " + f.cgroup(1) + "/memory.events; kill -9 $$");
    const auto told = co_await f.next_event();
    EXPECT_EQ(told.out_of_memory().kills(), 1U);
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.exit_status(), 128U + SIGKILL);
    EXPECT_TRUE(f.events.empty());
  });
}

TEST(ContainersResources, ContainerWhoseMemoryCannotBeWatchedRunsAllTheSame) {
  fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
    const auto pid = co_await f.containers.create(1, 10, "exit 3", no_streams);
    EXPECT_TRUE(pid) << failure_of(pid);
    const auto started = co_await f.containers.start(1);
    EXPECT_TRUE(started) << failure_of(started);
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.exit_status(), 3U);
  });
}
