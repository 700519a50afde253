#include "tests/e2e/contract/contract_test.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <filesystem>

#include "flow/system/file.hpp"
#include "tests/e2e/harness/machine_state.hpp"

namespace e2e {

namespace json = boost::json;

namespace {

// The shim of all tests: started before the first, ended after the last. Anything then on the
// machine that was not there before is a failure.
class shared_shim : public ::testing::Environment {
 public:
  void SetUp() override {
    before_ = machine_state(no_containerd);
    shim_ = std::make_unique<bare_shim>();
  }

  void TearDown() override {
    if (::testing::UnitTest::GetInstance()->failed_test_count() > 0) {
      std::fprintf(stderr, "--- log ---\n%s-----------\n", shim_->log().c_str());
    }
    const std::string directory = shim_->path("");
    shim_.reset();
    EXPECT_TRUE(eventually([&] { return shim_processes(directory).empty(); }));
    auto after = machine_state(no_containerd);
    for (const auto& one : before_) {
      after.erase(one);
    }
    for (const auto& one : after) {
      ADD_FAILURE() << "left behind: " << one;
    }
  }

  bare_shim& shim() const { return *shim_; }

 private:
  static constexpr const char* no_containerd = "/nonexistent";

  std::set<std::string> before_;
  std::unique_ptr<bare_shim> shim_;
};

// gtest owns it.
const auto* const environment =
    static_cast<shared_shim*>(::testing::AddGlobalTestEnvironment(new shared_shim));

}  // namespace

bare_shim& contract_test::shim() const {
  return environment->shim();
}

void contract_test::SetUp() {}

void contract_test::TearDown() {
  for (const auto& id : ids_) {
    if (!ask(of<task_api::StateRequest>(id))) {
      continue;
    }
    auto kill_all = of<task_api::KillRequest>(id);
    kill_all.set_signal(SIGKILL);
    ask(kill_all);
    ask(of<task_api::WaitRequest>(id));
    remove(id);
    EXPECT_FALSE(ask(of<task_api::StateRequest>(id)));
  }
}

std::string contract_test::new_id() {
  static int last = 0;
  return ids_.emplace_back("c" + std::to_string(++last));
}

flow::result<task_api::StateResponse> contract_test::ask(const task_api::StateRequest& r) {
  return call(r, &task_client::state);
}

flow::result<task_api::CreateTaskResponse> contract_test::ask(
    const task_api::CreateTaskRequest& r) {
  return call(r, &task_client::create);
}

flow::result<task_api::StartResponse> contract_test::ask(const task_api::StartRequest& r) {
  return call(r, &task_client::start);
}

flow::result<task_api::DeleteResponse> contract_test::ask(const task_api::DeleteRequest& r) {
  return call(r, &task_client::delete_);
}

flow::result<task_api::PidsResponse> contract_test::ask(const task_api::PidsRequest& r) {
  return call(r, &task_client::pids);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::PauseRequest& r) {
  return call(r, &task_client::pause);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::ResumeRequest& r) {
  return call(r, &task_client::resume);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::CheckpointTaskRequest& r) {
  return call(r, &task_client::checkpoint);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::KillRequest& r) {
  return call(r, &task_client::kill);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::ExecProcessRequest& r) {
  return call(r, &task_client::exec);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::ResizePtyRequest& r) {
  return call(r, &task_client::resize_pty);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::CloseIORequest& r) {
  return call(r, &task_client::close_io);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::UpdateTaskRequest& r) {
  return call(r, &task_client::update);
}

flow::result<task_api::StatsResponse> contract_test::ask(const task_api::StatsRequest& r) {
  return call(r, &task_client::stats);
}

flow::result<task_api::ConnectResponse> contract_test::ask(const task_api::ConnectRequest& r) {
  return call(r, &task_client::connect);
}

flow::result<google::protobuf::Empty> contract_test::ask(const task_api::ShutdownRequest& r) {
  return call(r, &task_client::shutdown);
}

flow::result<task_api::WaitResponse> contract_test::ask(const task_api::WaitRequest& r,
                                                        std::chrono::seconds limit) {
  return shim().connection().call(
      [&](const auto& task) { return task.wait(r, ttrpc::call_options(limit)); });
}

task_api::CreateTaskRequest contract_test::create_request(const std::string& id,
                                                          const std::string& config) {
  auto request = of<task_api::CreateTaskRequest>(id);
  request.set_bundle(shim().standalone().write_bundle(id, config));
  return request;
}

std::string contract_test::create(const json::object& spec) {
  const auto id = new_id();
  expect_ok(ask(create_request(id, json::serialize(spec))));
  return id;
}

std::string contract_test::run(const json::object& spec) {
  const auto id = create(spec);
  start(id);
  return id;
}

std::string contract_test::run(std::vector<std::string> args) {
  return run(shim().spec(std::move(args)));
}

void contract_test::exec(const std::string& id, const std::string& exec_id,
                         std::vector<std::string> args, const std::string& out) {
  auto request = of<task_api::ExecProcessRequest>(id, exec_id);
  request.set_stdout(out);
  auto process = shim().spec(std::move(args))["process"];
  request.mutable_spec()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Process");
  request.mutable_spec()->set_value(json::serialize(process));
  expect_ok(ask(request));
}

void contract_test::start(const std::string& id, const std::string& exec_id) {
  expect_ok(ask(of<task_api::StartRequest>(id, exec_id)));
}

void contract_test::kill(const std::string& id, int signal, const std::string& exec_id, bool all) {
  auto request = of<task_api::KillRequest>(id, exec_id);
  request.set_signal(static_cast<std::uint32_t>(signal));
  request.set_all(all);
  expect_ok(ask(request));
}

std::uint32_t contract_test::wait(const std::string& id, const std::string& exec_id) {
  const auto waited = ask(of<task_api::WaitRequest>(id, exec_id));
  expect_ok(waited);
  return waited ? waited->exit_status() : ~0U;
}

void contract_test::remove(const std::string& id, const std::string& exec_id) {
  expect_ok(ask(of<task_api::DeleteRequest>(id, exec_id)));
}

task_api::StateResponse contract_test::state(const std::string& id, const std::string& exec_id) {
  auto found = ask(of<task_api::StateRequest>(id, exec_id));
  expect_ok(found);
  return found ? std::move(found.value()) : task_api::StateResponse();
}

std::string contract_test::output_of(const std::string& id, std::vector<std::string> args) {
  const auto exec_id = "output" + std::to_string(++execs_);
  const auto file = shim().path(id + "-" + exec_id);
  exec(id, exec_id, std::move(args), "file://" + file);
  start(id, exec_id);
  EXPECT_EQ(wait(id, exec_id), 0U);
  remove(id, exec_id);
  const auto text = flow::read_file(file);
  return text ? text.value() : text.error().message();
}

}  // namespace e2e
