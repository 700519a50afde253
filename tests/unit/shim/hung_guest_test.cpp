// A guest that answers nothing after Hello: every call ends in bounded time with an error that says
// so, Kill works meanwhile, and nothing is left.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/support/timed.hpp"
#include "tests/unit/shim/shim_fixture.hpp"

using flow::awaitable;
using tests::fixture_test;
using tests::settle;
using tests::shim_fixture;
using ttrpc::code;
using namespace std::chrono_literals;
namespace api = containerd::task::v2;
namespace limits = shim::limits;

namespace {

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

awaitable<void> keep(awaitable<flow::error> call, std::optional<flow::error>& to) {
  to = co_await std::move(call);
}

template <class Response>
flow::error error_of(const flow::result<Response>& r) {
  return r ? flow::error() : r.error();
}

awaitable<flow::error> try_create(shim_fixture& b, std::string id) {
  const auto request = b.create_request(id);
  const auto r = co_await b.task->create(request);
  co_return error_of(r);
}

awaitable<flow::error> try_pause(shim_fixture& b) {
  api::PauseRequest request;
  request.set_id("c1");
  const auto r = co_await b.task->pause(request);
  co_return error_of(r);
}

awaitable<flow::error> try_resume(shim_fixture& b) {
  api::ResumeRequest request;
  request.set_id("c1");
  const auto r = co_await b.task->resume(request);
  co_return error_of(r);
}

awaitable<flow::error> try_update(shim_fixture& b) {
  api::UpdateTaskRequest request;
  request.set_id("c1");
  request.mutable_resources()->set_value(R"({"pids": {"limit": 7}})");
  const auto r = co_await b.task->update(request);
  co_return error_of(r);
}

awaitable<flow::error> try_stats(shim_fixture& b) {
  api::StatsRequest request;
  request.set_id("c1");
  const auto r = co_await b.task->stats(request);
  co_return error_of(r);
}

using timed_fixture = tests::timed<shim_fixture>;

// A sandbox whose agent is up and then hangs at `method`, with a call under way.
class hang {
 public:
  hang(timed_fixture& b, std::string method)
      : b_(b), method_(std::move(method)), tasks_(b.executor, fail_test) {}

  // The call reaches the agent.
  awaitable<void> begin(awaitable<flow::error> call) {
    b_.agent.hold(method_);
    const auto before = b_.agent.called(method_);
    tasks_.spawn(method_, keep(std::move(call), answer_));
    co_await b_.agent.until_called(method_, before + 1);
  }

  // It fails at its limit, not before, and the error names the guest.
  awaitable<void> expect_failure_after(std::chrono::seconds limit) {
    b_.time.advance(limit - 1ms);
    co_await settle(b_.executor);
    EXPECT_FALSE(answer_) << "before its limit: " << (answer_ ? answer_->message() : "");
    b_.time.advance(1ms);
    co_await tasks_.join();
    EXPECT_EQ(answer_->code(), code::deadline_exceeded) << answer_->message();
    EXPECT_NE(answer_->message().find("the guest did not answer"), std::string::npos)
        << answer_->message();
  }

  // It fails with the machine, which is killed meanwhile.
  awaitable<void> expect_failure_by_kill() {
    std::optional<flow::error> killed;
    tasks_.spawn("kill", keep(b_.try_kill("c1", SIGKILL), killed));
    for (int i = 0; i < 4; ++i) {
      co_await settle(b_.executor);
      b_.time.advance(limits::survive_kill);
    }
    co_await tasks_.join();
    EXPECT_FALSE(killed->code()) << killed->message();
    EXPECT_TRUE(answer_->code());
    EXPECT_TRUE(b_.machine.ended());
  }

 private:
  timed_fixture& b_;
  std::string method_;
  std::optional<flow::error> answer_;
  flow::task_group tasks_;
};

struct hung_call {
  const char* method;  // of the agent
  std::chrono::seconds limit;
  awaitable<flow::error> (*call)(shim_fixture& b);
  awaitable<void> (*prepare)(shim_fixture& b);
};

awaitable<void> with_created(shim_fixture& b) {
  co_await b.create("c1");
}

awaitable<void> with_running(shim_fixture& b) {
  co_await b.create("c1");
  co_await b.start("c1");
}

awaitable<void> with_exec(shim_fixture& b) {
  co_await with_running(b);
  co_await b.exec("c1", "e1");
}

awaitable<void> with_paused(shim_fixture& b) {
  co_await with_running(b);
  const auto paused = co_await try_pause(b);
  EXPECT_FALSE(paused.code()) << paused.message();
}

const std::vector<hung_call>& hung_calls() {
  static const std::vector<hung_call> all{
      {"StartContainer", limits::start_process, [](shim_fixture& b) { return b.try_start("c1"); },
       with_created},
      {"Exec", limits::start_process, [](shim_fixture& b) { return b.try_start("c1", "e1"); },
       with_exec},
      {"Pause", limits::freeze, try_pause, with_running},
      {"Resume", limits::freeze, try_resume, with_paused},
      {"Update", limits::update_container, try_update, with_running},
      {"Stats", limits::query, try_stats, with_running},
      {"Kill", limits::signal_process, [](shim_fixture& b) { return b.try_kill("c1", SIGTERM); },
       with_running},
  };
  return all;
}

awaitable<void> expect_limit(timed_fixture& b, const hung_call& hung) {
  co_await hung.prepare(b);
  hang at(b, hung.method);
  co_await at.begin(hung.call(b));
  co_await at.expect_failure_after(hung.limit);
  b.agent.release(hung.method);
}

awaitable<void> expect_killable(timed_fixture& b, const hung_call& hung) {
  co_await hung.prepare(b);
  b.agent.hold("Kill");
  hang at(b, hung.method);
  co_await at.begin(hung.call(b));
  co_await at.expect_failure_by_kill();
  const auto status = co_await b.wait("c1");
  EXPECT_EQ(status, 137U);
  co_await b.remove("c1");
  EXPECT_TRUE(b.service.idle());
}

class HungGuest : public tests::private_mounts {};

}  // namespace

TEST_F(HungGuest, EveryCallOfARunningContainerFailsAtItsLimit) {
  for (const auto& hung : hung_calls()) {
    SCOPED_TRACE(hung.method);
    fixture_test<timed_fixture>([&](timed_fixture& b) { return expect_limit(b, hung); });
  }
}

TEST_F(HungGuest, KillEndsEveryCallThatHangs) {
  for (const auto& hung : hung_calls()) {
    if (std::string(hung.method) == "Kill") {
      continue;
    }
    SCOPED_TRACE(hung.method);
    fixture_test<timed_fixture>([&](timed_fixture& b) { return expect_killable(b, hung); });
  }
}

TEST_F(HungGuest, CreateFailsAtItsLimitAndLeavesNothing) {
  fixture_test<timed_fixture>([](timed_fixture& b) -> awaitable<void> {
    hang at(b, "CreateContainer");
    co_await at.begin(try_create(b, "c1"));
    co_await at.expect_failure_after(limits::create_container);
    EXPECT_TRUE(b.service.idle());
    EXPECT_TRUE(std::filesystem::is_empty(b.files.entries())) << "something is still shared";
    co_await b.agent.until_called("DeleteContainer");
    b.agent.release("CreateContainer");
    const auto again = co_await b.try_wait("c1");
    EXPECT_EQ(again.code(), code::not_found);
  });
}

TEST_F(HungGuest, KillGivesUpACreateThatHangs) {
  fixture_test<timed_fixture>([](timed_fixture& b) -> awaitable<void> {
    hang at(b, "CreateContainer");
    co_await at.begin(try_create(b, "c1"));
    const auto asked = co_await b.try_kill("c1", SIGTERM);
    EXPECT_EQ(asked.code(), code::not_found) << "for any other signal it is not there yet";
    co_await at.expect_failure_by_kill();
    EXPECT_TRUE(b.service.idle());
  });
}

TEST_F(HungGuest, KillOfOneThatIsCreatedSparesItsSiblings) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    b.agent.hold("CreateContainer");
    flow::task_group tasks(b.executor, fail_test);
    std::optional<flow::error> created;
    tasks.spawn("create", keep(try_create(b, "c2"), created));
    co_await b.agent.until_called("CreateContainer", 2);
    const auto killed = co_await b.try_kill("c2", SIGKILL);
    EXPECT_FALSE(killed.code());
    b.agent.release("CreateContainer");
    co_await tasks.join();
    EXPECT_EQ(created->code(), code::aborted) << created->message();
    EXPECT_FALSE(b.machine.ended());
    co_await b.agent.until_called("DeleteContainer");
    const auto state = co_await b.state("c1");
    EXPECT_EQ(state.status(), containerd::v1::types::CREATED);
  });
}

TEST_F(HungGuest, DeleteDoesNotWaitForTheGuest) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await with_running(b);
    b.agent.exit(b.last_init(), 0);
    static_cast<void>(co_await b.wait("c1"));
    b.agent.hold("DeleteContainer");
    co_await b.remove("c1");
    EXPECT_TRUE(b.service.idle());
  });
}

TEST_F(HungGuest, DeleteOfACreatedContainerEndsWithTheMachine) {
  fixture_test<timed_fixture>([](timed_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    b.agent.hold("Kill");
    flow::task_group tasks(b.executor, fail_test);
    std::optional<flow::error> deleted;
    tasks.spawn("delete", keep(b.try_delete("c1"), deleted));
    co_await b.agent.until_called("Kill");
    for (int i = 0; i < 4; ++i) {
      co_await settle(b.executor);
      b.time.advance(limits::survive_kill);
    }
    co_await tasks.join();
    EXPECT_FALSE(deleted->code()) << deleted->message();
    EXPECT_TRUE(b.service.idle());
  });
}

TEST_F(HungGuest, ExecThatTheGuestMayHaveStartedAfterAllIsKilledThere) {
  fixture_test<timed_fixture>([](timed_fixture& b) -> awaitable<void> {
    co_await with_exec(b);
    hang at(b, "Exec");
    co_await at.begin(b.try_start("c1", "e1"));
    co_await at.expect_failure_after(limits::start_process);
    co_await b.agent.until_called("DeleteProcess");
    EXPECT_EQ(b.agent.last_kill.signal(), static_cast<std::uint32_t>(SIGKILL));
    EXPECT_EQ(b.agent.last_kill.process(), b.agent.last_exec.process());
    b.agent.release("Exec");
  });
}

TEST_F(HungGuest, PauseThatMayHaveHappenedAfterAllIsUndone) {
  fixture_test<timed_fixture>([](timed_fixture& b) -> awaitable<void> {
    co_await with_running(b);
    hang at(b, "Pause");
    co_await at.begin(try_pause(b));
    co_await at.expect_failure_after(limits::freeze);
    co_await b.agent.until_called("Resume");
    b.agent.release("Pause");
  });
}

TEST_F(HungGuest, DeadlineOfTheClientComesFirst) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    b.agent.hold("StartContainer");
    api::StartRequest request;
    request.set_id("c1");
    const ttrpc::call_options brief(50ms);
    const auto started = co_await b.task->start(request, brief);
    EXPECT_EQ(started.error().code(), code::deadline_exceeded);
    // The agent is told the same deadline, and gives the call up.
    co_await b.agent.until_cancelled("StartContainer");
    b.agent.release("StartContainer");
  });
}
