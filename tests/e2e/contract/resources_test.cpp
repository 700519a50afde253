// Limits, metrics, out-of-memory events, processes and their network namespaces.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <filesystem>
#include <set>

#include "containerd/runc/v1/oci.pb.h"
#include "io/containerd/cgroups/v2/metrics.pb.h"
#include "tests/e2e/contract/contract_test.hpp"

using e2e::task_api::KillRequest;
using e2e::task_api::PauseRequest;
using e2e::task_api::PidsRequest;
using e2e::task_api::StateRequest;
using e2e::task_api::StatsRequest;
using e2e::task_api::UpdateTaskRequest;
using ttrpc::code;
namespace status = e2e::status;
namespace json = boost::json;

namespace {

class Resources : public e2e::contract_test {
 protected:
  io::containerd::cgroups::v2::Metrics metrics(const std::string& id) {
    io::containerd::cgroups::v2::Metrics parsed;
    const auto stats = ask(of<StatsRequest>(id));
    expect_ok(stats);
    if (stats) {
      EXPECT_EQ(stats->stats().type_url(), "io.containerd.cgroups.v2.Metrics");
      EXPECT_TRUE(parsed.ParseFromString(stats->stats().value()));
    }
    return parsed;
  }

  flow::result<google::protobuf::Empty> update(const std::string& id, const std::string& text) {
    auto request = of<UpdateTaskRequest>(id);
    request.mutable_resources()->set_type_url(
        "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources");
    request.mutable_resources()->set_value(text);
    return ask(request);
  }

  json::object spec_with(std::vector<std::string> args, json::object resources) {
    auto spec = shim().spec(std::move(args));
    spec["linux"].as_object()["resources"] = std::move(resources);
    return spec;
  }

  static std::string network_of(std::uint32_t pid) {
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/net").string();
  }
};

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

}  // namespace

TEST_F(Resources, LimitsOfTheSpecificationAndOfAnUpdateHold) {
  const auto id = run(spec_with(
      {"sleep", "1000"}, {{"memory", {{"limit", 64 * mebibyte}}}, {"pids", {{"limit", 50}}}}));
  const auto before = metrics(id);
  EXPECT_EQ(before.memory().usage_limit(), 64 * mebibyte);
  EXPECT_EQ(before.pids().limit(), 50U);
  EXPECT_GE(before.pids().current(), 1U);
  EXPECT_GT(before.memory().usage(), 0U);
  EXPECT_GT(before.cpu().usage_usec(), 0U);

  expect_ok(update(id, R"({"memory": {"limit": 33554432}, "pids": {"limit": 20},
                           "cpu": {"quota": 50000, "period": 100000}})"));
  const auto after = metrics(id);
  EXPECT_EQ(after.memory().usage_limit(), 32 * mebibyte);
  EXPECT_EQ(after.pids().limit(), 20U);
  EXPECT_EQ(output_of(id, {"cat", "/sys/fs/cgroup/cpu.max"}), "50000 100000\n");

  for (const char* payload :
       {"", "nonsense", "[]", "{", R"({"memory": "plenty"})", R"({"pids": {"limit": "many"}})"}) {
    expect_error(update(id, payload), code::invalid_argument, "resources: ");
  }
  auto annotations = of<UpdateTaskRequest>(id);
  (*annotations.mutable_annotations())["some.example/key"] = "value";
  expect_ok(ask(annotations));
  EXPECT_EQ(metrics(id).memory().usage_limit(), 32 * mebibyte);
}

TEST_F(Resources, StatsAnswerWhilePausedAndAfterTheExitUntilDelete) {
  const auto id = run({"sleep", "1000"});
  expect_ok(ask(of<PauseRequest>(id)));
  const auto paused = metrics(id);
  EXPECT_GT(paused.cpu().usage_usec(), 0U);
  kill(id, SIGKILL);
  EXPECT_EQ(wait(id), 137U);
  const auto stopped = metrics(id);
  EXPECT_GE(stopped.cpu().usage_usec(), paused.cpu().usage_usec());
  EXPECT_EQ(stopped.memory_events().oom_kill(), 0U) << "it was killed, not short of memory";
  remove(id);
  expect_error(ask(of<StatsRequest>(id)), code::not_found, id);
}

TEST_F(Resources, MemoryThatRunsOutIsToldBeforeTheExit) {
  const auto id = run(spec_with({"tail", "/dev/zero"},
                                {{"memory", {{"limit", 16 * mebibyte}, {"swap", 16 * mebibyte}}}}));
  EXPECT_EQ(wait(id), 137U);
  EXPECT_GE(metrics(id).memory_events().oom_kill(), 1U);
  EXPECT_TRUE(shim().await_event(id, "/tasks/exit"));
  const std::vector<std::string> wanted{"/tasks/create", "/tasks/start", "/tasks/oom",
                                        "/tasks/exit"};
  EXPECT_EQ(shim().topics_of(id), wanted);
}

TEST_F(Resources, MemoryThatRunsOutForAChildIsToldThoughNobodyExits) {
  const auto id = run(spec_with({"sh", "-c", "tail /dev/zero; sleep 1000"},
                                {{"memory", {{"limit", 16 * mebibyte}, {"swap", 16 * mebibyte}}}}));
  EXPECT_TRUE(shim().await_event(id, "/tasks/oom"));
  EXPECT_EQ(state(id).status(), status::RUNNING);
}

TEST_F(Resources, PidsNameTheTaskFirstAndItsExecs) {
  const auto id = run({"sh", "-c", "sleep 1000; true"});
  EXPECT_TRUE(e2e::eventually([&] { return ask(of<PidsRequest>(id))->processes_size() == 2; }))
      << "the shell and its child";
  exec(id, "e1", {"sleep", "1000"});
  start(id, "e1");
  const auto listed = ask(of<PidsRequest>(id));
  ASSERT_EQ(listed->processes_size(), 3);
  EXPECT_EQ(listed->processes(0).pid(), state(id).pid());
  EXPECT_FALSE(listed->processes(0).has_info());
  std::string exec_ids;
  std::set<std::uint32_t> pids;
  for (const auto& one : listed->processes()) {
    pids.insert(one.pid());
    EXPECT_GE(one.pid(), 1U);
    ::containerd::runc::v1::ProcessDetails details;
    if (one.has_info()) {
      EXPECT_EQ(one.info().type_url(), "containerd.runc.v1.ProcessDetails");
      EXPECT_TRUE(details.ParseFromString(one.info().value()));
      EXPECT_EQ(one.pid(), state(id, "e1").pid());
    }
    exec_ids += details.exec_id();
  }
  EXPECT_EQ(exec_ids, "e1");
  EXPECT_EQ(pids.size(), 3U) << "none twice";
}

TEST_F(Resources, KillOfAllReachesEveryProcess) {
  const auto id = run({"sh", "-c", "trap : TERM; while :; do sleep 1000; done"});
  exec(id, "e1", {"sleep", "1000"});
  start(id, "e1");
  kill(id, SIGTERM, "", true);
  EXPECT_EQ(wait(id, "e1"), 128U + SIGTERM);
  EXPECT_EQ(state(id).status(), status::RUNNING);
  exec(id, "e2", {"sh", "-c", "trap '' TERM; sleep 1000"});
  start(id, "e2");
  kill(id, SIGKILL, "", true);
  EXPECT_EQ(wait(id, "e2"), 137U);
  EXPECT_EQ(wait(id), 137U);
}

TEST_F(Resources, PidsAreProcessesOfTheHostInTheNetworkOfTheContainer) {
  // A network of its own, not the host's.
  const auto own = run({"sleep", "1000"});
  exec(own, "e1", {"sleep", "1000"});
  start(own, "e1");
  const auto pid = state(own).pid();
  const auto exec_pid = state(own, "e1").pid();
  EXPECT_NE(pid, exec_pid);
  const auto ours = network_of(static_cast<std::uint32_t>(::getpid()));
  EXPECT_NE(network_of(pid), ours);
  EXPECT_EQ(network_of(exec_pid), network_of(pid));

  // An existing network, by its path.
  auto spec = shim().spec({"sleep", "1000"});
  spec["linux"].as_object()["namespaces"] =
      json::array{{{"type", "pid"}},
                  {{"type", "mount"}},
                  {{"type", "uts"}},
                  {{"type", "network"}, {"path", "/proc/" + std::to_string(pid) + "/ns/net"}}};
  const auto joined = run(spec);
  EXPECT_NE(state(joined).pid(), pid);
  EXPECT_EQ(network_of(state(joined).pid()), network_of(pid));

  // The host's network, if no other is given.
  spec["linux"].as_object()["namespaces"] =
      json::array{{{"type", "pid"}}, {{"type", "mount"}}, {{"type", "uts"}}};
  EXPECT_EQ(network_of(state(run(spec)).pid()), ours);

  // No network namespace at the path.
  spec["linux"].as_object()["namespaces"] =
      json::array{{{"type", "network"}, {"path", "/nonexistent/netns"}}};
  const auto id = new_id();
  expect_error(ask(create_request(id, json::serialize(spec))), code::invalid_argument,
               "network /nonexistent/netns");
  expect_error(ask(of<StateRequest>(id)), code::not_found, id);
}
