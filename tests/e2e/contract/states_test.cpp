// The answer to every call in every state of a container and an exec.
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <filesystem>

#include "tests/e2e/contract/contract_test.hpp"

using e2e::task_api::CloseIORequest;
using e2e::task_api::ConnectRequest;
using e2e::task_api::CreateTaskRequest;
using e2e::task_api::DeleteRequest;
using e2e::task_api::ExecProcessRequest;
using e2e::task_api::KillRequest;
using e2e::task_api::PauseRequest;
using e2e::task_api::PidsRequest;
using e2e::task_api::ResizePtyRequest;
using e2e::task_api::ResumeRequest;
using e2e::task_api::ShutdownRequest;
using e2e::task_api::StartRequest;
using e2e::task_api::StateRequest;
using e2e::task_api::StatsRequest;
using e2e::task_api::UpdateTaskRequest;
using e2e::task_api::WaitRequest;
using ttrpc::code;
namespace status = e2e::status;
namespace json = boost::json;

namespace {

constexpr std::int64_t never = -62135596800;  // Go's zero time

class States : public e2e::contract_test {
 protected:
  // Expects that every call for `id` but Connect answers NotFound.
  void expect_unknown(const std::string& id) {
    const std::string words = "container " + id;
    expect_error(ask(of<StateRequest>(id)), code::not_found, words);
    expect_error(ask(of<StartRequest>(id)), code::not_found, words);
    expect_error(ask(of<DeleteRequest>(id)), code::not_found, words);
    expect_error(ask(of<PidsRequest>(id)), code::not_found, words);
    expect_error(ask(of<PauseRequest>(id)), code::not_found, words);
    expect_error(ask(of<ResumeRequest>(id)), code::not_found, words);
    expect_error(ask(of<KillRequest>(id)), code::not_found, words);
    expect_error(ask(of<ExecProcessRequest>(id, "e")), code::not_found, words);
    expect_error(ask(of<ResizePtyRequest>(id)), code::not_found, words);
    expect_error(ask(of<CloseIORequest>(id)), code::not_found, words);
    expect_error(ask(of<UpdateTaskRequest>(id)), code::not_found, words);
    expect_error(ask(of<WaitRequest>(id)), code::not_found, words);
    expect_error(ask(of<StatsRequest>(id)), code::not_found, words);
    const auto connected = ask(of<ConnectRequest>(id));
    expect_ok(connected);
    EXPECT_GE(connected->shim_pid(), 1U);
    EXPECT_EQ(connected->task_pid(), 0U);
  }

  flow::result<google::protobuf::Empty> update(const std::string& id, const std::string& json) {
    auto request = of<UpdateTaskRequest>(id);
    request.mutable_resources()->set_value(json);
    return ask(request);
  }
};

}  // namespace

TEST_F(States, UnknownContainer) {
  expect_unknown("nobody");
}

TEST_F(States, CreatedContainer) {
  const auto id = create(shim().spec({"sleep", "1000"}));
  const auto s = state(id);
  EXPECT_EQ(s.id(), id);
  EXPECT_EQ(s.bundle(), shim().standalone().bundle(id));
  EXPECT_EQ(s.status(), status::CREATED);
  EXPECT_GE(s.pid(), 1U);
  EXPECT_EQ(::kill(static_cast<pid_t>(s.pid()), 0), 0);
  EXPECT_EQ(s.exit_status(), 0U);
  EXPECT_EQ(s.exited_at().seconds(), never);
  EXPECT_EQ(ask(of<ConnectRequest>(id))->task_pid(), s.pid());
  const auto pids = ask(of<PidsRequest>(id));
  ASSERT_GE(pids->processes_size(), 1);
  EXPECT_EQ(pids->processes(0).pid(), s.pid());

  expect_error(ask(create_request(id, "{}")), code::already_exists, id);
  expect_error(ask(of<PauseRequest>(id)), code::failed_precondition,
               "cannot pause task in created state");
  expect_error(ask(of<ResumeRequest>(id)), code::failed_precondition,
               "cannot resume task in created state");
  expect_error(ask(of<WaitRequest>(id), std::chrono::seconds(1)), code::deadline_exceeded, "");
  expect_ok(ask(of<StatsRequest>(id)));
  expect_ok(update(id, R"({"pids": {"limit": 100}})"));
  expect_ok(ask(of<ResizePtyRequest>(id)));
  expect_ok(ask(of<CloseIORequest>(id)));
  kill(id, 0);
  expect_ok(ask(ShutdownRequest()));

  // An exec can be added, but started only after the container.
  exec(id, "e1", {"true"});
  expect_error(ask(of<StartRequest>(id, "e1")), code::failed_precondition,
               "container " + id + " init process is not running");
  remove(id, "e1");

  // Delete kills the container.
  remove(id);
  EXPECT_EQ(::kill(static_cast<pid_t>(s.pid()), 0), -1);
  EXPECT_EQ(errno, ESRCH);
  expect_unknown(id);
  EXPECT_TRUE(shim().await_event(id, "/tasks/delete"));
  EXPECT_EQ(shim().topics_of(id).front(), "/tasks/create");
}

TEST_F(States, RunningContainer) {
  const auto id = run({"sleep", "1000"});
  const auto s = state(id);
  EXPECT_EQ(s.status(), status::RUNNING);
  EXPECT_EQ(s.exited_at().seconds(), never);
  expect_error(ask(of<StartRequest>(id)), code::failed_precondition,
               "cannot start a running process");
  expect_error(ask(of<DeleteRequest>(id)), code::failed_precondition,
               "cannot delete a running process");
  expect_error(ask(of<ResumeRequest>(id)), code::failed_precondition,
               "cannot resume task in running state");
  expect_error(ask(of<WaitRequest>(id), std::chrono::seconds(1)), code::deadline_exceeded, "");
  auto wrong = of<KillRequest>(id);
  wrong.set_signal(65);
  expect_error(ask(wrong), code::invalid_argument, "signal 65");
  kill(id, 0);
  expect_ok(ask(of<ResizePtyRequest>(id)));
  auto close = of<CloseIORequest>(id);
  close.set_stdin(true);
  expect_ok(ask(close));
  expect_ok(ask(close));
  expect_ok(ask(ShutdownRequest()));
  EXPECT_EQ(state(id).status(), status::RUNNING);
}

TEST_F(States, StoppedContainer) {
  const auto id = create(shim().spec({"sh", "-c", "exit 7"}));
  exec(id, "e1", {"true"});
  const auto pid = state(id).pid();
  start(id);
  EXPECT_EQ(wait(id), 7U);
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), -1);
  EXPECT_EQ(errno, ESRCH);
  const auto s = state(id);
  EXPECT_EQ(s.status(), status::STOPPED);
  EXPECT_EQ(s.pid(), pid);
  EXPECT_EQ(s.exit_status(), 7U);
  EXPECT_GT(s.exited_at().seconds(), 1'600'000'000);
  for (int i = 0; i < 2; ++i) {
    const auto again = ask(of<WaitRequest>(id));
    EXPECT_EQ(again->exit_status(), 7U);
    EXPECT_EQ(again->exited_at().seconds(), s.exited_at().seconds());
    EXPECT_EQ(again->exited_at().nanos(), s.exited_at().nanos());
  }
  const auto pids = ask(of<PidsRequest>(id));
  ASSERT_EQ(pids->processes_size(), 1);
  EXPECT_EQ(pids->processes(0).pid(), pid);

  for (const int signal : {0, SIGTERM, SIGKILL}) {
    auto request = of<KillRequest>(id);
    request.set_signal(static_cast<std::uint32_t>(signal));
    expect_error(ask(request), code::not_found, "process already finished");
  }
  expect_error(ask(of<StartRequest>(id)), code::failed_precondition,
               "cannot start a stopped process");
  expect_error(ask(of<ExecProcessRequest>(id, "e2")), code::failed_precondition,
               "cannot exec in a stopped state");
  expect_error(ask(of<StartRequest>(id, "e1")), code::failed_precondition,
               "container " + id + " init process is not running");
  expect_error(ask(of<PauseRequest>(id)), code::failed_precondition,
               "cannot pause task in stopped state");
  expect_error(ask(of<ResumeRequest>(id)), code::failed_precondition,
               "cannot resume task in stopped state");
  expect_error(update(id, "{}"), code::failed_precondition, "cannot update a stopped container");
  expect_ok(ask(of<StatsRequest>(id)));
  expect_ok(ask(of<ResizePtyRequest>(id)));
  auto close = of<CloseIORequest>(id);
  close.set_stdin(true);
  expect_ok(ask(close));
  expect_ok(ask(ShutdownRequest()));

  const auto deleted = ask(of<DeleteRequest>(id));
  expect_ok(deleted);
  EXPECT_EQ(deleted->pid(), pid);
  EXPECT_EQ(deleted->exit_status(), 7U);
  EXPECT_EQ(deleted->exited_at().seconds(), s.exited_at().seconds());
  expect_unknown(id);
  EXPECT_TRUE(shim().await_event(id, "/tasks/delete"));
  const std::vector<std::string> wanted{"/tasks/create", "/tasks/exec-added", "/tasks/start",
                                        "/tasks/exit", "/tasks/delete"};
  EXPECT_EQ(shim().topics_of(id), wanted);
}

TEST_F(States, PausedContainer) {
  const auto ticks = shim().path("ticks");
  auto spec = shim().spec({"sh", "-c", "while :; do echo tick; sleep 0.05; done"});
  const auto id = new_id();
  auto request = create_request(id, json::serialize(spec));
  request.set_stdout("file://" + ticks);
  expect_ok(ask(request));
  start(id);
  exec(id, "e1", {"sleep", "1000"});
  start(id, "e1");
  exec(id, "created", {"true"});
  EXPECT_TRUE(e2e::eventually([&] { return std::filesystem::file_size(ticks) > 0; }));

  expect_ok(ask(of<PauseRequest>(id)));
  EXPECT_EQ(state(id).status(), status::PAUSED);
  EXPECT_EQ(state(id, "e1").status(), status::PAUSED);
  EXPECT_EQ(state(id, "created").status(), status::CREATED);
  expect_error(ask(of<PauseRequest>(id)), code::failed_precondition,
               "cannot pause task in paused state");
  expect_error(ask(of<ExecProcessRequest>(id, "e2")), code::failed_precondition,
               "cannot exec in a paused state");
  expect_error(ask(of<StartRequest>(id, "created")), code::failed_precondition,
               "cannot exec in a paused state");
  expect_error(ask(of<StartRequest>(id)), code::failed_precondition,
               "cannot start a running process");
  expect_error(ask(of<DeleteRequest>(id)), code::failed_precondition,
               "cannot delete a paused process");
  expect_error(ask(of<DeleteRequest>(id, "e1")), code::failed_precondition,
               "cannot delete a paused process");
  const auto pids = ask(of<PidsRequest>(id));
  EXPECT_GE(pids->processes_size(), 2);
  kill(id, 0);

  // Once the output in transit has arrived, no more is written.
  expect_error(ask(of<WaitRequest>(id), std::chrono::seconds(2)), code::deadline_exceeded, "");
  const auto size = std::filesystem::file_size(ticks);
  expect_error(ask(of<WaitRequest>(id), std::chrono::seconds(1)), code::deadline_exceeded, "");
  EXPECT_EQ(std::filesystem::file_size(ticks), size);

  expect_ok(ask(of<ResumeRequest>(id)));
  EXPECT_EQ(state(id).status(), status::RUNNING);
  EXPECT_EQ(state(id, "e1").status(), status::RUNNING);
  EXPECT_TRUE(e2e::eventually([&] { return std::filesystem::file_size(ticks) > size + 20; }));
  start(id, "created");
  EXPECT_EQ(wait(id, "created"), 0U);

  // SIGKILL ends the process, and its exit is published.
  expect_ok(ask(of<PauseRequest>(id)));
  kill(id, SIGKILL);
  EXPECT_EQ(wait(id), 137U);
  EXPECT_EQ(wait(id, "e1"), 137U);
  EXPECT_TRUE(shim().await_event(id, "/tasks/exit"));
  const auto topics = shim().topics_of(id);
  EXPECT_EQ(std::count(topics.begin(), topics.end(), "/tasks/paused"), 2);
  EXPECT_EQ(std::count(topics.begin(), topics.end(), "/tasks/resumed"), 1);
}

TEST_F(States, Exec) {
  const auto id = run({"sleep", "1000"});
  for (const auto* unknown : {"e1", "nobody"}) {
    const std::string words = std::string("process does not exist ") + unknown;
    expect_error(ask(of<StateRequest>(id, unknown)), code::not_found, words);
    expect_error(ask(of<StartRequest>(id, unknown)), code::not_found, words);
    expect_error(ask(of<DeleteRequest>(id, unknown)), code::not_found, words);
    expect_error(ask(of<KillRequest>(id, unknown)), code::not_found, words);
    expect_error(ask(of<WaitRequest>(id, unknown)), code::not_found, words);
    expect_error(ask(of<ResizePtyRequest>(id, unknown)), code::not_found, words);
    expect_error(ask(of<CloseIORequest>(id, unknown)), code::not_found, words);
  }
  expect_error(ask(of<ExecProcessRequest>(id, "")), code::invalid_argument, "exec without an id");

  exec(id, "e1", {"sh", "-c", "exit 5"});
  expect_error(ask(of<ExecProcessRequest>(id, "e1")), code::already_exists, "id e1");
  const auto created = state(id, "e1");
  EXPECT_EQ(created.id(), "e1");
  EXPECT_EQ(created.status(), status::CREATED);
  EXPECT_EQ(created.pid(), 0U);
  expect_error(ask(of<KillRequest>(id, "e1")), code::failed_precondition, "process not created");
  expect_error(ask(of<WaitRequest>(id, "e1"), std::chrono::seconds(1)), code::deadline_exceeded,
               "");
  start(id, "e1");
  EXPECT_EQ(wait(id, "e1"), 5U);
  EXPECT_EQ(wait(id, "e1"), 5U);
  EXPECT_EQ(state(id, "e1").status(), status::STOPPED);
  EXPECT_EQ(state(id, "e1").exit_status(), 5U);
  expect_error(ask(of<StartRequest>(id, "e1")), code::failed_precondition,
               "cannot start a stopped process");
  expect_error(ask(of<KillRequest>(id, "e1")), code::not_found, "process already finished");
  const auto deleted = ask(of<DeleteRequest>(id, "e1"));
  expect_ok(deleted);
  EXPECT_EQ(deleted->exit_status(), 5U);
  expect_error(ask(of<DeleteRequest>(id, "e1")), code::not_found, "process does not exist e1");

  // The id can be reused; an exec that was never started is deleted without an exit.
  exec(id, "e1", {"true"});
  const auto never_started = ask(of<DeleteRequest>(id, "e1"));
  expect_ok(never_started);
  EXPECT_EQ(never_started->pid(), 0U);
  EXPECT_EQ(never_started->exit_status(), 0U);

  exec(id, "e2", {"sleep", "1000"});
  start(id, "e2");
  expect_error(ask(of<StartRequest>(id, "e2")), code::failed_precondition,
               "cannot start a running process");
  expect_error(ask(of<DeleteRequest>(id, "e2")), code::failed_precondition,
               "cannot delete a running process");
  kill(id, SIGTERM, "e2");
  EXPECT_EQ(wait(id, "e2"), 128U + SIGTERM);
  EXPECT_EQ(state(id).status(), status::RUNNING);
}

TEST_F(States, ExecOfAProgramThatIsMissing) {
  const auto id = run({"sleep", "1000"});
  exec(id, "e1", {"/nonexistent"});
  const auto started = ask(of<StartRequest>(id, "e1"));
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message().find("/nonexistent"), std::string::npos)
      << started.error().message();
  const auto s = state(id, "e1");
  EXPECT_EQ(s.status(), status::CREATED);
  EXPECT_EQ(s.pid(), 0U);
  EXPECT_EQ(wait(id, "e1"), 0U);
  remove(id, "e1");
  const auto topics = shim().topics_of(id);
  EXPECT_EQ(std::count(topics.begin(), topics.end(), "/tasks/exit"), 0);
}

TEST_F(States, CreateThatFails) {
  const auto missing = shim().spec({"/nonexistent"});
  auto id = new_id();
  const auto program = ask(create_request(id, json::serialize(missing)));
  ASSERT_FALSE(program);
  EXPECT_NE(program.error().message().find("/nonexistent"), std::string::npos)
      << program.error().message();
  expect_unknown(id);
  EXPECT_TRUE(shim().topics_of(id).empty());

  id = new_id();
  auto root = create_request(id, json::serialize(shim().spec({"true"})));
  root.add_rootfs()->set_type("no-such-file-system");
  root.mutable_rootfs(0)->set_source("/dev/null");
  const auto mounted = ask(root);
  ASSERT_FALSE(mounted);
  EXPECT_NE(mounted.error().message().find("rootfs"), std::string::npos)
      << mounted.error().message();
  expect_unknown(id);

  id = new_id();
  auto out = create_request(id, json::serialize(shim().spec({"true"})));
  out.set_stdout("carrier-pigeon:///x");
  expect_error(ask(out), code::invalid_argument, "unknown stdio scheme carrier-pigeon");
  expect_unknown(id);

  id = new_id();
  auto restored = create_request(id, json::serialize(shim().spec({"true"})));
  restored.set_checkpoint("/tmp/image");
  expect_error(ask(restored), code::unimplemented, "");
  expect_unknown(id);
  EXPECT_TRUE(shim().topics_of(id).empty());
}

TEST_F(States, TerminalHasTheSizeItWasGivenBeforeTheStart) {
  auto spec = shim().spec({"stty", "size"});
  spec["process"].as_object()["terminal"] = true;
  const auto id = new_id();
  auto request = create_request(id, json::serialize(spec));
  request.set_terminal(true);
  request.set_stdout("file://" + shim().path("size"));
  expect_ok(ask(request));
  auto resize = of<ResizePtyRequest>(id);
  resize.set_width(12);
  resize.set_height(34);
  expect_ok(ask(resize));
  start(id);
  EXPECT_EQ(wait(id), 0U);
  EXPECT_EQ(e2e::run({"cat", shim().path("size")}).out, "34 12\r\n");
  expect_ok(ask(resize));
}

TEST_F(States, BothVersionsOfTheServiceAreServed) {
  const auto id = run({"sleep", "1000"});
  const auto version3 = shim().connect("containerd.task.v3.Task");
  const auto request = of<StateRequest>(id);
  const auto found = version3->call([&](const auto& task) { return task.state(request); });
  expect_ok(found);
  EXPECT_EQ(found->pid(), state(id).pid());
  const auto checkpoint = of<e2e::task_api::CheckpointTaskRequest>(id);
  expect_error(ask(checkpoint), code::unimplemented, "");
  EXPECT_EQ(state(id).status(), status::RUNNING);
}
