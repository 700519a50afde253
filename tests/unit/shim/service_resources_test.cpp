// Update, Stats, and memory that runs out.
#include <gtest/gtest.h>

#include <csignal>

#include "containerd/events/task.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"
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

namespace {

awaitable<error> try_update(shim_fixture& b, std::string resources) {
  api::UpdateTaskRequest request;
  request.set_id("c1");
  request.mutable_resources()->set_value(resources);
  const auto r = co_await b.task->update(request);
  co_return r ? error() : r.error();
}

awaitable<flow::result<api::StatsResponse>> try_stats(shim_fixture& b) {
  api::StatsRequest request;
  request.set_id("c1");
  co_return co_await b.task->stats(request);
}

std::size_t count(const std::vector<std::string>& topics, const std::string& wanted) {
  return static_cast<std::size_t>(std::count(topics.begin(), topics.end(), wanted));
}

}  // namespace

class TaskResources : public tests::private_mounts {};

TEST_F(TaskResources, UpdateReachesTheGuestBeforeAndAfterTheStart) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    const auto early = co_await try_update(b, R"({"pids":{"limit":7}})");
    EXPECT_FALSE(early.code()) << early.message();
    EXPECT_EQ(b.agent.last_update.container(), b.agent.last_create.container());
    EXPECT_EQ(b.agent.last_update.resources(), R"({"pids":{"limit":7}})");
    co_await b.start("c1");
    const auto later = co_await try_update(b, R"({"memory":{"limit":1048576}})");
    EXPECT_FALSE(later.code()) << later.message();
    EXPECT_EQ(b.agent.last_update.resources(), R"({"memory":{"limit":1048576}})");
  });
}

TEST_F(TaskResources, UpdateWithWhatAreNoResourcesIsAnInvalidArgument) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    for (const char* payload : {"", "{", "[]", "3", "{\"memory\": }", "\xff\xfe"}) {
      const auto refused = co_await try_update(b, payload);
      EXPECT_EQ(refused.code(), flow::error_code(code::invalid_argument)) << payload;
      EXPECT_NE(refused.message().find("resources: "), std::string::npos) << refused.message();
    }
    EXPECT_EQ(b.agent.called("Update"), 0U);
  });
}

TEST_F(TaskResources, UpdateOfAnnotationsAloneIsAccepted) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    api::UpdateTaskRequest request;
    request.set_id("c1");
    (*request.mutable_annotations())["some.example/key"] = "value";
    const auto updated = co_await b.task->update(request);
    EXPECT_TRUE(updated) << updated.error().message();
    EXPECT_EQ(b.agent.called("Update"), 0U);
  });
}

TEST_F(TaskResources, StoppedOrUnknownContainerIsNotUpdated) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    const auto unknown = co_await try_update(b, "{}");
    EXPECT_EQ(unknown.code(), flow::error_code(code::not_found));
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    const auto stopped = co_await try_update(b, "{}");
    EXPECT_EQ(stopped.code(), flow::error_code(code::failed_precondition));
    EXPECT_EQ(stopped.context(), "cannot update a stopped container");
  });
}

TEST_F(TaskResources, WhatTheGuestSaysOfAnUpdateReachesTheClient) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    b.agent.failures["Update"] = error(code::unknown, "write memory.max: device or resource busy");
    const auto failed = co_await try_update(b, "{}");
    EXPECT_EQ(failed.context(), "write memory.max: device or resource busy");
  });
}

TEST_F(TaskResources, StatsAreMetricsOfACgroupUntilDelete) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    const auto unknown = co_await try_stats(b);
    EXPECT_EQ(unknown.error().code(), flow::error_code(code::not_found));
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.stats_answer.mutable_metrics()->mutable_memory()->set_usage(4711);
    b.agent.stats_answer.mutable_metrics()->mutable_cpu()->set_usage_usec(99);
    const auto stats = co_await try_stats(b);
    EXPECT_TRUE(stats) << stats.error().message();
    EXPECT_EQ(stats->stats().type_url(), "io.containerd.cgroups.v2.Metrics");
    io::containerd::cgroups::v2::Metrics metrics;
    EXPECT_TRUE(metrics.ParseFromString(stats->stats().value()));
    EXPECT_EQ(metrics.memory().usage(), 4711U);
    EXPECT_EQ(metrics.cpu().usage_usec(), 99U);
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    const auto stopped = co_await try_stats(b);
    EXPECT_TRUE(stopped) << stopped.error().message();
    co_await b.remove("c1");
    const auto deleted = co_await try_stats(b);
    EXPECT_EQ(deleted.error().code(), flow::error_code(code::not_found));
  });
}

TEST_F(TaskResources, CheckpointIsNotImplementedAndSaysNothingElse) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    api::CheckpointTaskRequest request;
    request.set_id("c1");
    const auto refused = co_await b.task->checkpoint(request);
    EXPECT_EQ(refused.error().code(), flow::error_code(code::unimplemented));
    EXPECT_EQ(b.agent.called("Pause"), 0U);
  });
}

TEST_F(TaskResources, MemoryThatRanOutIsToldBeforeTheExit) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    b.agent.run_out_of_memory(b.agent.last_create.container());
    b.agent.exit(b.last_init(), 128 + SIGKILL);
    const auto status = co_await b.wait("c1");
    EXPECT_EQ(status, 137U);
    co_await b.containerd.until_taken(4);
    const std::vector<std::string> wanted{"/tasks/create", "/tasks/start", "/tasks/oom",
                                          "/tasks/exit"};
    EXPECT_EQ(b.containerd.topics(), wanted);
    const auto& told = b.containerd.taken.at(2).envelope().event();
    EXPECT_EQ(told.type_url(), "containerd.events.TaskOOM");
    containerd::events::TaskOOM event;
    EXPECT_TRUE(event.ParseFromString(told.value()));
    EXPECT_EQ(event.container_id(), "c1");
  });
}

TEST_F(TaskResources, MemoryEventsThatTheGuestMakesUpChangeNothing) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    for (const std::uint32_t number : {0U, b.last_init(), 4'000'000'000U}) {
      b.agent.run_out_of_memory(number);
    }
    b.agent.exit(b.last_init(), 0);
    co_await b.wait("c1");
    b.agent.run_out_of_memory(b.agent.last_create.container());
    co_await b.remove("c1");
    b.agent.run_out_of_memory(b.agent.last_create.container());
    co_await settle(b.executor);
    co_await b.containerd.until_taken(4);
    EXPECT_EQ(count(b.containerd.topics(), "/tasks/oom"), 0U);
    EXPECT_EQ(b.containerd.topics().size(), 4U);
  });
}

TEST_F(TaskResources, GuestThatRunsOutOfMemoryWithoutEndDoesNotFillTheShims) {
  fixture_test<shim_fixture>([](shim_fixture& b) -> awaitable<void> {
    co_await b.create("c1");
    co_await b.start("c1");
    co_await b.containerd.until_taken(2);
    b.containerd.hold = true;
    for (int i = 0; i < 1000; ++i) {
      b.agent.run_out_of_memory(b.agent.last_create.container());
    }
    b.agent.exit(b.last_init(), 128 + SIGKILL);
    co_await b.wait("c1");
    b.containerd.answer();
    co_await b.containerd.until_taken(4);
    EXPECT_EQ(count(b.containerd.topics(), "/tasks/oom"), 1U);
    EXPECT_EQ(b.containerd.topics().back(), "/tasks/exit");
  });
}
