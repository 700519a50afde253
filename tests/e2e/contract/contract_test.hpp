// A test that calls a shim over ttrpc directly, as containerd would, and checks its exact answers.
//
// One shim, and so one virtual machine, serves all tests of a run; each test creates its own
// containers and deletes them.
#pragma once

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "containerd/task/v2/task.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/e2e/harness/bare_shim.hpp"

namespace e2e {

namespace task_api = ::containerd::task::v2;
namespace status = ::containerd::v1::types;

class contract_test : public ::testing::Test {
 protected:
  void SetUp() override;

  // Kills and deletes the test's remaining containers; every id must be unknown afterwards.
  void TearDown() override;

  bare_shim& shim() const;

  // A container id that no other test uses.
  std::string new_id();

  // Makes a call, which the type of the request determines.
  flow::result<task_api::StateResponse> ask(const task_api::StateRequest& r);
  flow::result<task_api::CreateTaskResponse> ask(const task_api::CreateTaskRequest& r);
  flow::result<task_api::StartResponse> ask(const task_api::StartRequest& r);
  flow::result<task_api::DeleteResponse> ask(const task_api::DeleteRequest& r);
  flow::result<task_api::PidsResponse> ask(const task_api::PidsRequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::PauseRequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::ResumeRequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::CheckpointTaskRequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::KillRequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::ExecProcessRequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::ResizePtyRequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::CloseIORequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::UpdateTaskRequest& r);
  flow::result<task_api::WaitResponse> ask(const task_api::WaitRequest& r,
                                           std::chrono::seconds limit = std::chrono::seconds(60));
  flow::result<task_api::StatsResponse> ask(const task_api::StatsRequest& r);
  flow::result<task_api::ConnectResponse> ask(const task_api::ConnectRequest& r);
  flow::result<google::protobuf::Empty> ask(const task_api::ShutdownRequest& r);

  // A request of this type for a container, or for an exec of it.
  template <class Request>
  static Request of(const std::string& id) {
    Request request;
    request.set_id(id);
    return request;
  }
  template <class Request>
  static Request of(const std::string& id, const std::string& exec_id) {
    auto request = of<Request>(id);
    request.set_exec_id(exec_id);
    return request;
  }

  // The request to create a container of this specification, with its bundle in place.
  task_api::CreateTaskRequest create_request(const std::string& id, const std::string& config);

  // Steps that must succeed; they return the container's id.
  std::string create(const boost::json::object& spec);
  std::string run(const boost::json::object& spec);
  std::string run(std::vector<std::string> args);
  void exec(const std::string& id, const std::string& exec_id, std::vector<std::string> args,
            const std::string& out = "");
  void start(const std::string& id, const std::string& exec_id = "");
  void kill(const std::string& id, int signal, const std::string& exec_id = "", bool all = false);
  std::uint32_t wait(const std::string& id, const std::string& exec_id = "");
  void remove(const std::string& id, const std::string& exec_id = "");
  task_api::StateResponse state(const std::string& id, const std::string& exec_id = "");

  // The output of a command in the container, run as an exec.
  std::string output_of(const std::string& id, std::vector<std::string> args);

  // Expects that the call failed with this code, and that its text contains these words.
  template <class Response>
  static void expect_error(const flow::result<Response>& got, ttrpc::code code,
                           const std::string& words) {
    ASSERT_FALSE(got) << "succeeded; wanted: " << words;
    EXPECT_EQ(got.error().code(), flow::error_code(code)) << got.error().message();
    EXPECT_NE(got.error().context().find(words), std::string::npos) << got.error().message();
  }
  template <class Response>
  static void expect_ok(const flow::result<Response>& got) {
    EXPECT_TRUE(got) << got.error().message();
  }

 private:
  using task_client = shim_connection::task_client;

  template <class Response, class Request>
  flow::result<Response> call(const Request& r,
                              flow::awaitable<flow::result<Response>> (task_client::*method)(
                                  const Request&, ttrpc::call_options) const) {
    return shim().connection().call(
        [&](const task_client& task) { return (task.*method)(r, ttrpc::call_options()); });
  }

  std::vector<std::string> ids_;
  int execs_ = 0;
};

}  // namespace e2e
