#include "agent/container/containers.hpp"

#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <csignal>
#include <filesystem>
#include <set>

#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/unit/agent/agent_fixture.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using flow::awaitable;
using hvsock::agent::v1::Stdio;
using namespace tests;

namespace {

const Stdio no_streams;

// A container 1 whose first process is 10.
awaitable<void> create(agent_fixture& f, std::string script, Stdio stdio = no_streams) {
  const auto pid = co_await f.containers.create(1, 10, script, stdio);
  EXPECT_TRUE(pid) << failure_of(pid);
}

awaitable<void> create_and_start(agent_fixture& f, std::string script, Stdio stdio = no_streams) {
  co_await create(f, std::move(script), std::move(stdio));
  const auto started = co_await f.containers.start(1);
  EXPECT_TRUE(started) << failure_of(started);
}

const std::string log_of_crun = R"({"msg":"executable not found","level":"error"})";

}  // namespace

TEST(Containers, ProcessRunsOnceStartedAndItsBytesAndExitAreTold) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create(f, "cat; echo out; echo err >&2; exit 3", agent_fixture::all_streams(10));
    EXPECT_EQ(f.calls(), "create c1");
    const auto started = co_await f.containers.start(1);
    EXPECT_TRUE(started) << failure_of(started);
    auto& in = *co_await f.stream(10, "stdin");
    const std::string typed = "in ";
    co_await in.write(boost::asio::buffer(typed));
    co_await in.shutdown_write();
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.process(), 10U);
    EXPECT_EQ(exit.exit_status(), 3U);
    EXPECT_EQ(exit.stdout_bytes(), 7U);
    EXPECT_EQ(exit.stderr_bytes(), 4U);
    EXPECT_GT(exit.exited_at(), 1'600'000'000'000'000'000);
    const auto out = co_await f.stream(10, "stdout");
    const auto out_text = co_await f.read_to_end(out);
    EXPECT_EQ(out_text, "in out\n");
    const auto err = co_await f.stream(10, "stderr");
    const auto err_text = co_await f.read_to_end(err);
    EXPECT_EQ(err_text, "err\n");
    co_await f.end();
  });
}

TEST(Containers, ExitTellsEveryByteThatWasWrittenBeforeItThoughTheShimReadsNone) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "head -c 150000 /dev/zero", agent_fixture::all_streams(10));
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.stdout_bytes(), 150000U);
    const auto deleted = f.containers.remove_process(10);
    EXPECT_TRUE(deleted) << failure_of(deleted);
    const auto out = co_await f.stream(10, "stdout");
    const auto text = co_await f.read_to_end(out);
    EXPECT_EQ(text.size(), 150000U);
    co_await f.end();
  });
}

TEST(Containers, BackgroundChildHoldsTheOutputOpenUntilItsProcessIsDeleted) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000 & echo done", agent_fixture::all_streams(10));
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.stdout_bytes(), 5U);
    const auto out = co_await f.stream(10, "stdout");
    flow::error_code ending;
    started<std::string> reading(executor, tests::read_to_end(*out, &ending));
    co_await turns(executor);
    EXPECT_FALSE(reading.done());
    const auto deleted = f.containers.remove_process(10);
    EXPECT_TRUE(deleted) << failure_of(deleted);
    co_await reading.wait();
    EXPECT_EQ(*reading, "done\n");
    EXPECT_EQ(ending, boost::asio::error::eof);
    co_await f.end();
  });
}

TEST(Containers, ProcessThatHasClosedItsStreamsCanBeDeleted) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "true", agent_fixture::all_streams(10));
    co_await f.next_exit();
    const auto out = co_await f.stream(10, "stdout");
    co_await f.read_to_end(out);
    const auto err = co_await f.stream(10, "stderr");
    co_await f.read_to_end(err);
    co_await turns(executor);
    const auto deleted = f.containers.remove_process(10);
    EXPECT_TRUE(deleted) << failure_of(deleted);
    EXPECT_EQ(f.containers.process_count(), 0U);
    co_await f.end();
  });
}

TEST(Containers, CreateThatCrunRefusesSaysItsWordsAndLeavesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    f.fail("create", log_of_crun);
    const auto stdio = agent_fixture::all_streams(10);
    const auto refused = co_await f.containers.create(1, 10, "true", stdio);
    EXPECT_EQ(failure_of(refused), "executable not found: unknown");
    EXPECT_EQ(f.containers.container_count(), 0U);
    EXPECT_EQ(f.containers.process_count(), 0U);
    EXPECT_FALSE(f.exists(f.bundle(1)));
    EXPECT_EQ(f.calls(), "create c1, delete c1") << "crun may have died half-way";
    const auto out = co_await f.stream(10, "stdout");
    const auto ending = co_await read_error(*out);
    EXPECT_EQ(ending, flow::errc::truncated);
    // The ids are free.
    f.succeed("create");
    co_await create(f, "true");
    co_await f.end();
  });
}

TEST(Containers, CreateThatCannotReachTheShimLeavesNothing) {
  for (std::size_t connected = 0; connected < 3; ++connected) {
    co_test([connected](auto executor) -> awaitable<void> {
      agent_fixture f(executor);
      f.shim.accepts = connected;
      const auto stdio = agent_fixture::all_streams(10);
      const auto refused = co_await f.containers.create(1, 10, "true", stdio);
      EXPECT_FALSE(refused);
      EXPECT_EQ(f.shim.dialled, connected + 1);
      EXPECT_EQ(f.containers.container_count(), 0U);
      EXPECT_EQ(f.containers.process_count(), 0U);
      EXPECT_FALSE(f.exists(f.bundle(1)));
      co_await f.end();
    });
  }
}

TEST(Containers, CreateWithoutTheTerminalCrunPromisedLeavesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    // A crun that says it has made the container, and sends nothing to the console socket.
    std::filesystem::remove(f.directory / "crun");
    EXPECT_TRUE(flow::write_file(f.directory / "crun",
                                 "#!/bin/sh\nwhile [ \"$1\" != --pid-file ]; do shift; done\n"
                                 "echo 999999 > \"$2\"\n"));
    std::filesystem::permissions(f.directory / "crun", std::filesystem::perms::all);
    const auto stdio = agent_fixture::terminal(10);
    const auto refused = co_await f.containers.create(1, 10, "true", stdio);
    EXPECT_FALSE(refused);
    EXPECT_EQ(f.containers.container_count(), 0U);
    EXPECT_EQ(f.containers.process_count(), 0U);
    EXPECT_FALSE(f.exists(f.bundle(1)));
    co_await f.end();
  });
}

TEST(Containers, StartThatCrunRefusesSaysItsWordsAndTheContainerCanBeRemoved) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create(f, "true");
    f.fail("start", log_of_crun);
    const auto refused = co_await f.containers.start(1);
    EXPECT_EQ(failure_of(refused), "executable not found: unknown");
    const auto removed = co_await f.containers.remove(1);
    EXPECT_TRUE(removed) << failure_of(removed);
    EXPECT_FALSE(f.exists(f.bundle(1)));
    co_await f.end();
  });
}

TEST(Containers, IdsThatAreNotThereAreNotFound) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    const auto started = co_await f.containers.start(1);
    EXPECT_EQ(failure_of(started), "container 1: not found");
    const auto ran = co_await f.containers.exec(1, 11, "true", no_streams);
    EXPECT_EQ(failure_of(ran), "container 1: not found");
    const auto removed = co_await f.containers.remove(1);
    EXPECT_EQ(failure_of(removed), "container 1: not found");
    EXPECT_EQ(failure_of(f.containers.pids(1)), "container 1: not found");
    EXPECT_EQ(failure_of(f.containers.kill(1, 10, SIGTERM, false)), "process 10: not found");
    EXPECT_EQ(failure_of(f.containers.resize(10, 80, 25)), "process 10: not found");
    EXPECT_EQ(failure_of(f.containers.remove_process(10)), "process 10: not found");
    EXPECT_EQ(f.calls(), "");
    co_await f.end();
  });
}

TEST(Containers, IdsThatAreThereCannotBeCreatedAgain) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000");
    const auto container = co_await f.containers.create(1, 20, "true", no_streams);
    EXPECT_EQ(failure_of(container), "container 1: already exists");
    const auto init = co_await f.containers.create(2, 10, "true", no_streams);
    EXPECT_EQ(failure_of(init), "process 10: already exists");
    const auto process = co_await f.containers.exec(1, 10, "true", no_streams);
    EXPECT_EQ(failure_of(process), "process 10: already exists");
    EXPECT_EQ(f.calls(), "create c1, start c1");
    co_await f.end();
  });
}

TEST(Containers, ProcessZeroIsRefusedForItMeansNobodyKnown) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    const auto init = co_await f.containers.create(1, 0, "true", no_streams);
    EXPECT_EQ(init.error().code(), ttrpc::code::invalid_argument);
    co_await create_and_start(f, "sleep 1000");
    const auto process = co_await f.containers.exec(1, 0, "true", no_streams);
    EXPECT_EQ(process.error().code(), ttrpc::code::invalid_argument);
    co_await f.end();
  });
}

TEST(Containers, CallsThatMeetAVerbUnderWayAreRefused) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    using created = flow::result<pid_t>;
    started<created> creating(executor, f.containers.create(1, 10, "true", no_streams));
    co_await turns(executor, 1);
    EXPECT_FALSE(creating.done());
    const auto started = co_await f.containers.start(1);
    EXPECT_EQ(started.error().code(), ttrpc::code::failed_precondition);
    const auto ran = co_await f.containers.exec(1, 11, "true", no_streams);
    EXPECT_EQ(ran.error().code(), ttrpc::code::failed_precondition);
    const auto removed = co_await f.containers.remove(1);
    EXPECT_EQ(removed.error().code(), ttrpc::code::failed_precondition);
    const auto killed = f.containers.kill(1, 10, SIGKILL, false);
    EXPECT_EQ(killed.error().code(), ttrpc::code::failed_precondition);
    const auto all_killed = f.containers.kill(1, 10, SIGKILL, true);
    EXPECT_EQ(all_killed.error().code(), ttrpc::code::failed_precondition);
    const auto deleted = f.containers.remove_process(10);
    EXPECT_EQ(deleted.error().code(), ttrpc::code::failed_precondition);
    const auto again = co_await f.containers.create(1, 12, "true", no_streams);
    EXPECT_EQ(again.error().code(), ttrpc::code::already_exists);
    co_await creating.wait();
    EXPECT_TRUE(*creating) << failure_of(*creating);
    co_await f.end();
  });
}

TEST(Containers, ProcessThatRunsCannotBeDeletedAndOneThatEndedOnlyOnce) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000");
    EXPECT_EQ(f.containers.remove_process(10).error().code(), ttrpc::code::failed_precondition);
    EXPECT_TRUE(f.containers.kill(1, 10, SIGTERM, false));
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.exit_status(), 128U + SIGTERM);
    EXPECT_TRUE(f.containers.remove_process(10));
    EXPECT_EQ(f.containers.remove_process(10).error().code(), ttrpc::code::not_found);
    co_await f.end();
  });
}

TEST(Containers, KillReachesOnlyAProcessOfTheNamedContainerThatLives) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000");
    EXPECT_TRUE(f.containers.kill(1, 10, 0, false)) << "it is alive";
    const auto elsewhere = f.containers.kill(2, 10, SIGKILL, false);
    EXPECT_EQ(failure_of(elsewhere), "container 2: not found");
    EXPECT_TRUE(f.events.empty());
    EXPECT_TRUE(f.containers.kill(1, 10, SIGKILL, false));
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.exit_status(), 128U + SIGKILL);
    const auto late = f.containers.kill(1, 10, SIGKILL, false);
    EXPECT_EQ(failure_of(late), "process already finished: not found");
    co_await f.end();
  });
}

TEST(Containers, KillOfAllReachesWhatIsInTheCgroup) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000");
    const auto other = co_await f.containers.exec(1, 11, "sleep 1000", no_streams);
    EXPECT_TRUE(other) << failure_of(other);
    f.make_cgroup(1, std::to_string(*other) + "\n");
    EXPECT_TRUE(f.containers.kill(1, 10, SIGUSR1, true));
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.process(), 11U) << "the kernel says only this one is in it";
    EXPECT_EQ(exit.exit_status(), 128U + SIGUSR1);
    EXPECT_TRUE(f.containers.kill(1, 10, SIGKILL, true));
    EXPECT_EQ(flow::read_file(f.cgroup(1) + "/cgroup.kill").value(), "1");
    co_await f.end();
  });
}

TEST(Containers, EndOfTheFirstProcessKillsTheOthers) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    f.make_cgroup(1, "");
    co_await create_and_start(f, "sleep 1000");
    const auto other = co_await f.containers.exec(1, 11, "exit 5", no_streams);
    EXPECT_TRUE(other) << failure_of(other);
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.process(), 11U);
    EXPECT_EQ(exit.exit_status(), 5U);
    EXPECT_FALSE(f.exists(f.cgroup(1) + "/cgroup.kill")) << "it was not the first";
    EXPECT_TRUE(f.containers.kill(1, 10, SIGTERM, false));
    co_await f.next_exit();
    EXPECT_EQ(flow::read_file(f.cgroup(1) + "/cgroup.kill").value(), "1");
    co_await f.end();
  });
}

TEST(Containers, PidsSayWhichProcessesAreTheShims) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    const auto pid = co_await f.containers.create(1, 10, "true", no_streams);
    EXPECT_FALSE(f.containers.pids(1)) << "there is no cgroup";
    f.make_cgroup(1, std::to_string(*pid) + "\n4000000\n");
    const auto listed = f.containers.pids(1);
    EXPECT_TRUE(listed) << failure_of(listed);
    EXPECT_EQ(listed->size(), 2U);
    EXPECT_EQ(listed->front().pid, *pid);
    EXPECT_EQ(listed->front().process, 10U);
    EXPECT_EQ(listed->back().pid, 4000000);
    EXPECT_EQ(listed->back().process, 0U);
    co_await f.end();
  });
}

TEST(Containers, ExecThatCrunRefusesSaysItsWordsAndLeavesTheContainer) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000");
    f.fail("exec", log_of_crun);
    const auto refused = co_await f.containers.exec(1, 11, "true", no_streams);
    EXPECT_EQ(failure_of(refused), "executable not found: unknown");
    EXPECT_EQ(f.containers.process_count(), 1U);
    EXPECT_FALSE(f.exists(f.bundle(1) + "/p11"));
    EXPECT_FALSE(f.exists(f.bundle(1) + "/p11.log"));
    f.succeed("exec");
    const auto ran = co_await f.containers.exec(1, 11, "exit 4", no_streams);
    EXPECT_TRUE(ran) << failure_of(ran);
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.process(), 11U);
    EXPECT_EQ(exit.exit_status(), 4U);
    EXPECT_FALSE(f.exists(f.bundle(1) + "/p11.pid"));
    co_await f.end();
  });
}

TEST(Containers, ExecThatCannotReachTheShimLeavesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000");
    f.shim.accepts = 1;
    const auto stdio = agent_fixture::all_streams(11);
    const auto refused = co_await f.containers.exec(1, 11, "true", stdio);
    EXPECT_FALSE(refused);
    EXPECT_EQ(f.containers.process_count(), 1U);
    EXPECT_FALSE(f.exists(f.bundle(1) + "/p11"));
    EXPECT_EQ(f.calls(), "create c1, start c1");
    co_await f.end();
  });
}

TEST(Containers, TerminalCarriesBothDirectionsAndItsSize) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "stty -echo; echo ready; read line; echo \"$line\"; stty size",
                              agent_fixture::terminal(10));
    auto& terminal = *co_await f.stream(10, "stdout");
    std::string ready(7, '\0');
    co_await boost::asio::async_read(terminal, boost::asio::buffer(ready), flow::as_result);
    EXPECT_EQ(ready, "ready\r\n");
    EXPECT_TRUE(f.containers.resize(10, 132, 43));
    const std::string typed = "hello\n";
    co_await terminal.write(boost::asio::buffer(typed));
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.exit_status(), 0U);
    EXPECT_EQ(exit.stdout_bytes(), 22U);
    const auto text = co_await f.read_to_end(&terminal);
    EXPECT_EQ(text, "hello\r\n43 132\r\n");
    co_await f.end();
  });
}

TEST(Containers, TerminalOfAnExecIsItsOwn) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000");
    const auto stdio = agent_fixture::terminal(11);
    const auto ran = co_await f.containers.exec(1, 11, "test -t 0 && echo yes", stdio);
    EXPECT_TRUE(ran) << failure_of(ran);
    const auto exit = co_await f.next_exit();
    EXPECT_EQ(exit.stdout_bytes(), 5U);
    const auto terminal = co_await f.stream(11, "stdout");
    const auto text = co_await f.read_to_end(terminal);
    EXPECT_EQ(text, "yes\r\n");
    EXPECT_FALSE(f.exists(f.bundle(1) + "/p11.console"));
    co_await f.end();
  });
}

TEST(Containers, TerminalWithoutAStreamIsRefusedForNobodyWouldReadIt) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    Stdio stdio;
    stdio.set_terminal(true);
    const auto refused = co_await f.containers.create(1, 10, "true", stdio);
    EXPECT_EQ(refused.error().code(), ttrpc::code::invalid_argument);
    EXPECT_EQ(f.containers.container_count(), 0U);
    co_await f.end();
  });
}

TEST(Containers, SizeThatNoTerminalHasIsRefused) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create(f, "true", agent_fixture::terminal(10));
    EXPECT_TRUE(f.containers.resize(10, 65535, 65535));
    EXPECT_EQ(f.containers.resize(10, 65536, 25).error().code(), ttrpc::code::invalid_argument);
    EXPECT_EQ(f.containers.resize(10, 80, 65536).error().code(), ttrpc::code::invalid_argument);
    co_await f.end();
  });
}

TEST(Containers, SizeOfWhatIsNoTerminalIsIgnored) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create(f, "true", agent_fixture::all_streams(10));
    EXPECT_TRUE(f.containers.resize(10, 80, 25));
    co_await f.end();
  });
}

TEST(Containers, RemoveKillsForgetsAndFreesTheIds) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000", agent_fixture::all_streams(10));
    const auto ran = co_await f.containers.exec(1, 11, "sleep 1000", no_streams);
    EXPECT_TRUE(ran) << failure_of(ran);
    const auto removed = co_await f.containers.remove(1);
    EXPECT_TRUE(removed) << failure_of(removed);
    EXPECT_EQ(f.containers.container_count(), 0U);
    EXPECT_FALSE(f.exists(f.bundle(1)));
    const auto out = co_await f.stream(10, "stdout");
    co_await f.read_to_end(out);
    while (f.containers.process_count() != 0) {
      co_await turns(executor);
    }
    co_await create(f, "true");
    co_await f.end();
  });
}

TEST(Containers, RemoveThatCrunRefusesLeavesTheContainer) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "exit 0");
    co_await f.next_exit();
    f.fail("delete", log_of_crun);
    const auto refused = co_await f.containers.remove(1);
    EXPECT_EQ(failure_of(refused), "executable not found: unknown");
    EXPECT_EQ(f.containers.container_count(), 1U);
    EXPECT_EQ(f.containers.process_count(), 1U);
    f.succeed("delete");
    const auto removed = co_await f.containers.remove(1);
    EXPECT_TRUE(removed) << failure_of(removed);
    EXPECT_EQ(f.containers.process_count(), 0U);
    co_await f.end();
  });
}

TEST(Containers, RemoveWhileAnExecIsUnderWayLeavesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    co_await create_and_start(f, "sleep 1000");
    using ran = flow::result<pid_t>;
    const std::string script = "sleep 1000";
    started<ran> running(executor, f.containers.exec(1, 11, script, no_streams));
    const auto removed = co_await f.containers.remove(1);
    EXPECT_TRUE(removed) << failure_of(removed);
    co_await running.wait();
    // Whichever came first, a process that got away is killed by the next removal.
    co_await f.crun.remove("c1", f.directory / "bundles");
    while (f.containers.process_count() != 0) {
      co_await turns(executor);
    }
    co_await f.end();
  });
}

TEST(Containers, ManyProcessesThatEndAtOnceAreAllTold) {
  co_test([](auto executor) -> awaitable<void> {
    agent_fixture f(executor);
    const auto gate = f.directory / "go";
    co_await create_and_start(f, "sleep 1000");
    for (std::uint32_t p = 0; p < 20; ++p) {
      const std::string script =
          "until [ -e " + gate + " ]; do sleep 0.01; done; exit " + std::to_string(p);
      const auto ran = co_await f.containers.exec(1, 100 + p, script, no_streams);
      EXPECT_TRUE(ran) << failure_of(ran);
    }
    EXPECT_TRUE(flow::write_file(gate, ""));
    std::set<std::uint32_t> told;
    while (told.size() < 20) {
      const auto exit = co_await f.next_exit();
      EXPECT_EQ(exit.exit_status(), exit.process() - 100);
      EXPECT_TRUE(told.insert(exit.process()).second) << "told twice";
    }
    co_await f.end();
  });
}
