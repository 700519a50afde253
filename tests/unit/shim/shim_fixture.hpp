// A whole shim without a virtual machine: containerd's calls go in over a socket, the agent and
// containerd's event service are fakes. Containers are shared by real mounts, so its tests are of a
// private_mounts fixture. Tests run it by fixture_test().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "containerd/task/v2/task.ttrpc.hpp"
#include "runtime_api/ttrpc/client.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "shim/task/service.hpp"
#include "tests/support/fake_agent.hpp"
#include "tests/support/fake_containerd.hpp"
#include "tests/support/fake_machine.hpp"
#include "tests/support/private_mounts.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tests {

struct shim_fixture {
  // Without `booted` the sandbox is not even started.
  explicit shim_fixture(boost::asio::any_io_executor ex, bool booted = true);

  flow::awaitable<void> end();

  // A bundle for a container that does nothing in particular. Returns its directory.
  std::string make_bundle(const std::string& id, const std::string& config = "");
  std::string make_fifo(const std::string& name);

  containerd::task::v2::CreateTaskRequest create_request(const std::string& id);

  // Steps of a test that are to succeed.
  flow::awaitable<void> create(std::string id);
  flow::awaitable<void> start(std::string id, std::string exec_id = "");
  flow::awaitable<void> exec(std::string id, std::string exec_id);
  flow::awaitable<std::uint32_t> wait(std::string id, std::string exec_id = "");
  flow::awaitable<void> remove(std::string id, std::string exec_id = "");

  // Steps whose error code is what matters; 0 if there is none.
  flow::awaitable<flow::error> try_start(std::string id, std::string exec_id = "");
  flow::awaitable<flow::error> try_exec(std::string id, std::string exec_id);
  flow::awaitable<flow::error> try_kill(std::string id, std::uint32_t signal,
                                        std::string exec_id = "");
  flow::awaitable<flow::error> try_delete(std::string id, std::string exec_id = "");
  flow::awaitable<flow::error> try_wait(std::string id, std::string exec_id = "");
  flow::awaitable<containerd::task::v2::StateResponse> state(std::string id,
                                                             std::string exec_id = "");

  // The number that the guest knows the first process of the last created container by.
  std::uint32_t last_init() const { return agent.last_create.process(); }

  boost::asio::any_io_executor executor;
  temporary_directory directory;
  flow::log log;
  shim::config config;
  fake_containerd containerd;
  shim::publisher events;
  shim::share files;
  fake_machine machine;
  fake_agent agent;
  shim::sandbox sandbox;
  bool asked_to_end = false;
  shim::task_service service;
  ttrpc::server server;
  std::unique_ptr<ttrpc::client> client;
  std::unique_ptr<containerd::task::v2::task_client> task;
};

}  // namespace tests
