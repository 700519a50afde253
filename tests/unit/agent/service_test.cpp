#include "agent/session/service.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/utsname.h>

#include <chrono>
#include <csignal>

#include "runtime_api/ttrpc/client.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/unit/agent/agent_fixture.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using flow::awaitable;
using ttrpc::code;
using namespace tests;
namespace api = hvsock::agent::v1;

namespace {

std::int64_t now() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

// A shim that calls the agent over a connection.
struct bench : agent_fixture {
  explicit bench(const boost::asio::any_io_executor& e)
      : agent_fixture(e),
        service(containers, events, {.init_entered_ms = 11, .connected_ms = 22}),
        server(executor, log),
        control(executor),
        client(executor, ttrpc::make_byte_stream(std::move(control.b)), log),
        agent(client) {
    server.add_service(service);
    server.serve(ttrpc::make_byte_stream(std::move(control.a)));
  }

  awaitable<void> end() {
    client.close();
    co_await client.join();
    co_await server.join();
    co_await agent_fixture::end();
  }

  awaitable<void> create(std::uint32_t container, std::uint32_t process, std::string script) {
    api::CreateContainerRequest request;
    request.set_container(container);
    request.set_process(process);
    request.set_spec(script);
    const auto created = co_await agent.create_container(request);
    EXPECT_TRUE(created) << failure_of(created);
    api::StartContainerRequest start;
    start.set_container(container);
    const auto started = co_await agent.start_container(start);
    EXPECT_TRUE(started) << failure_of(started);
  }

  awaitable<flow::error_code> kill(std::uint32_t container, std::uint32_t process,
                                   std::uint32_t signal) {
    api::KillRequest request;
    request.set_container(container);
    request.set_process(process);
    request.set_signal(signal);
    const auto killed = co_await agent.kill(request);
    co_return killed ? flow::error_code() : killed.error().code();
  }

  agent::service service;
  ttrpc::server server;
  stream_pair control;
  ttrpc::client client;
  api::agent_client agent;
};

api::HelloRequest hello() {
  api::HelloRequest request;
  request.set_protocol(1);
  request.set_wall_clock(now());
  return request;
}

}  // namespace

TEST(AgentService, HelloTellsWhatTheGuestIs) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    const auto request = hello();
    const auto answer = co_await b.agent.hello(request);
    EXPECT_TRUE(answer) << failure_of(answer);
    EXPECT_EQ(answer->protocol(), 1U);
    EXPECT_FALSE(answer->agent_version().empty());
    utsname name{};
    ::uname(&name);
    EXPECT_EQ(answer->kernel_release(), name.release);
    EXPECT_EQ(answer->init_entered(), 11U);
    EXPECT_EQ(answer->connected(), 22U);
  });
}

TEST(AgentService, HelloNamesTheGuest) {
  if (::unshare(CLONE_NEWUTS) != 0) {
    GTEST_SKIP() << "no host name of our own here";
  }
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    auto request = hello();
    request.set_host_name("node-7");
    const auto answer = co_await b.agent.hello(request);
    EXPECT_TRUE(answer) << failure_of(answer);
    utsname name{};
    ::uname(&name);
    EXPECT_EQ(std::string(name.nodename), "node-7");
  });
}

TEST(AgentService, HelloInAnotherProtocolIsRefusedByAnErrorThatNamesBoth) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    auto request = hello();
    request.set_protocol(2);
    const auto answer = co_await b.agent.hello(request);
    EXPECT_EQ(answer.error().code(), code::unimplemented);
    EXPECT_EQ(answer.error().context(),
              "shim uses protocol 2, this agent needs 1: install the guest image that came with "
              "the shim");
  });
}

TEST(AgentService, HelloWithoutATimeIsRefused) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    auto request = hello();
    request.clear_wall_clock();
    const auto answer = co_await b.agent.hello(request);
    EXPECT_EQ(answer.error().code(), code::invalid_argument);
  });
}

TEST(AgentService, ClockCannotBeSetToATimeBeforeTheEpoch) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    api::SetClockRequest request;
    request.set_wall_clock(-1);
    const auto refused = co_await b.agent.set_clock(request);
    EXPECT_EQ(refused.error().code(), code::invalid_argument);
  });
}

TEST(AgentService, EventsTellEveryExitInOrderThoseBeforeTheCallToo) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    co_await b.create(1, 10, "exit 1");
    while (b.events.empty()) {
      co_await b.events.changed().wait();
    }
    const api::EventsRequest all;
    auto events = b.agent.events(all);
    api::Event event;
    const auto first = co_await events.read(event);
    EXPECT_TRUE(first) << failure_of(first);
    EXPECT_EQ(event.exit().process(), 10U);
    EXPECT_EQ(event.exit().exit_status(), 1U);
    co_await b.create(2, 20, "exit 2");
    const auto second = co_await events.read(event);
    EXPECT_TRUE(second) << failure_of(second);
    EXPECT_EQ(event.exit().process(), 20U);
  });
}

TEST(AgentService, EventsGoToOneListenerOnly) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    const api::EventsRequest all;
    auto events = b.agent.events(all);
    auto more = b.agent.events(all);
    api::Event event;
    const auto refused = co_await more.read(event);
    EXPECT_EQ(refused.error().code(), code::failed_precondition);
    for (std::uint32_t n = 1; n < 4; ++n) {
      api::Event exit;
      exit.mutable_exit()->set_process(n);
      b.events.push(exit);
    }
    for (std::uint32_t n = 1; n < 4; ++n) {
      const auto told = co_await events.read(event);
      EXPECT_TRUE(told) << failure_of(told);
      EXPECT_EQ(event.exit().process(), n);
    }
  });
}

TEST(AgentService, EventsThatNobodyHeardAreToldToTheNextListener) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    const api::EventsRequest all;
    api::Event event;
    {
      auto events = b.agent.events(all, ttrpc::call_options(std::chrono::milliseconds(1)));
      const auto expired = co_await events.read(event);
      EXPECT_EQ(expired.error().code(), code::deadline_exceeded);
    }
    // The server gives up at a time of its own.
    flow::error_code ending = code::failed_precondition;
    while (ending == code::failed_precondition) {
      auto events = b.agent.events(all);
      if (b.events.empty()) {
        api::Event exit;
        exit.mutable_exit()->set_process(7);
        b.events.push(exit);
      }
      const auto told = co_await events.read(event);
      ending = told ? flow::error_code() : told.error().code();
    }
    EXPECT_FALSE(ending) << ending.message();
    EXPECT_EQ(event.exit().process(), 7U);
  });
}

TEST(AgentService, CallsForIdsThatAreNotThereAreAnsweredNotFound) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    const auto started = co_await b.agent.start_container(api::StartContainerRequest());
    EXPECT_EQ(started.error().code(), code::not_found);
    const auto ran = co_await b.agent.exec(api::ExecRequest());
    EXPECT_EQ(ran.error().code(), code::not_found);
    const auto killed = co_await b.agent.kill(api::KillRequest());
    EXPECT_EQ(killed.error().code(), code::not_found);
    const auto resized = co_await b.agent.resize_pty(api::ResizePtyRequest());
    EXPECT_EQ(resized.error().code(), code::not_found);
    const auto listed = co_await b.agent.pids(api::PidsRequest());
    EXPECT_EQ(listed.error().code(), code::not_found);
    const auto process = co_await b.agent.delete_process(api::DeleteProcessRequest());
    EXPECT_EQ(process.error().code(), code::not_found);
    const auto container = co_await b.agent.delete_container(api::DeleteContainerRequest());
    EXPECT_EQ(container.error().code(), code::not_found);
    const auto created = co_await b.agent.create_container(api::CreateContainerRequest());
    EXPECT_EQ(created.error().code(), code::invalid_argument) << "process 0";
  });
}

TEST(AgentService, ContainerLivesItsLife) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    co_await b.create(1, 10, "sleep 1000");
    api::ExecRequest exec;
    exec.set_container(1);
    exec.set_process(11);
    exec.set_spec("exit 6");
    const auto ran = co_await b.agent.exec(exec);
    EXPECT_TRUE(ran) << failure_of(ran);
    EXPECT_GT(ran->pid(), 0U);
    const auto exec_exit = co_await b.next_exit();
    EXPECT_EQ(exec_exit.process(), 11U);
    EXPECT_EQ(exec_exit.exit_status(), 6U);
    const auto before = co_await b.agent.status(api::StatusRequest());
    EXPECT_EQ(before->containers(), 1U);
    EXPECT_EQ(before->processes(), 2U);
    api::DeleteProcessRequest forget;
    forget.set_process(11);
    const auto forgotten = co_await b.agent.delete_process(forget);
    EXPECT_TRUE(forgotten) << failure_of(forgotten);
    const auto killed = co_await b.kill(1, 10, SIGTERM);
    EXPECT_FALSE(killed) << killed.message();
    const auto exit = co_await b.next_exit();
    EXPECT_EQ(exit.exit_status(), 128U + SIGTERM);
    api::DeleteContainerRequest remove;
    remove.set_container(1);
    const auto removed = co_await b.agent.delete_container(remove);
    EXPECT_TRUE(removed) << failure_of(removed);
    const auto after = co_await b.agent.status(api::StatusRequest());
    EXPECT_EQ(after->containers(), 0U);
    EXPECT_EQ(after->processes(), 0U);
    EXPECT_GT(after->resident_bytes(), 100'000U);
  });
}

TEST(AgentService, SignalThatIsNoneIsRefused) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    co_await b.create(1, 10, "sleep 1000");
    for (const std::uint32_t signal : {65U, 0x80000000U, 0xffffffffU}) {
      const auto refused = co_await b.kill(1, 10, signal);
      EXPECT_EQ(refused, code::invalid_argument) << signal;
    }
    const auto alive = co_await b.kill(1, 10, 0);
    EXPECT_FALSE(alive) << alive.message();
    EXPECT_TRUE(b.events.empty());
  });
}

TEST(AgentService, PidsNameTheShimsProcesses) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    co_await b.create(1, 10, "sleep 1000");
    b.make_cgroup(1, "4000000\n");
    api::PidsRequest request;
    request.set_container(1);
    const auto listed = co_await b.agent.pids(request);
    EXPECT_TRUE(listed) << failure_of(listed);
    EXPECT_EQ(listed->processes_size(), 1);
    EXPECT_EQ(listed->processes(0).pid(), 4000000U);
    EXPECT_EQ(listed->processes(0).process(), 0U);
  });
}

TEST(AgentService, TerminalHasItsSizeFromTheBeginning) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    api::CreateContainerRequest request;
    request.set_container(1);
    request.set_process(10);
    request.set_spec("stty size");
    *request.mutable_stdio() = agent_fixture::terminal(10);
    request.mutable_console_size()->set_width(100);
    request.mutable_console_size()->set_height(40);
    const auto created = co_await b.agent.create_container(request);
    EXPECT_TRUE(created) << failure_of(created);
    api::StartContainerRequest start;
    start.set_container(1);
    co_await b.agent.start_container(start);
    co_await b.next_exit();
    const auto terminal = co_await b.stream(10, "stdout");
    const auto text = co_await b.read_to_end(terminal);
    EXPECT_EQ(text, "40 100\r\n");
  });
}

TEST(AgentService, ConnectionThatEndsDuringACreateLetsItFinish) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    api::CreateContainerRequest request;
    request.set_container(1);
    request.set_process(10);
    request.set_spec("true");
    using answer = flow::result<api::CreateContainerResponse>;
    started<answer> creating(b.executor, b.agent.create_container(request));
    while (b.containers.container_count() == 0) {
      co_await turns(b.executor, 1);
    }
    b.client.close();
    co_await creating.wait();
    EXPECT_FALSE(*creating);
    co_await b.server.join();
    EXPECT_EQ(b.calls(), "create c1");
    EXPECT_EQ(b.containers.process_count(), 1U);
  });
}
