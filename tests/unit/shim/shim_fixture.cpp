#include "tests/unit/shim/shim_fixture.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>

#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"

namespace tests {

using flow::awaitable;
using flow::error;
using namespace std::chrono_literals;
namespace api = containerd::task::v2;

namespace {

constexpr const char* plain_config =
    R"({"process": {"args": ["true"]}, "root": {"path": "rootfs"}, "linux": {}})";

template <class Response>
error error_of(const flow::result<Response>& r) {
  return r ? error() : r.error();
}

template <class Request>
Request request_for(const std::string& id, const std::string& exec_id) {
  Request request;
  request.set_id(id);
  request.set_exec_id(exec_id);
  return request;
}

}  // namespace

shim_fixture::shim_fixture(boost::asio::any_io_executor ex, bool booted)
    : executor(ex),
      log(-1),
      containerd(ex, directory / "events"),
      events(ex, directory / "events", "test", log),
      files(directory / "."),
      machine(ex),
      agent(ex, machine),
      sandbox(ex, files, machine, config, log),
      service(
          ex, sandbox, events, config, [this] { asked_to_end = true; }, log),
      server(ex, log) {
  server.add_service(service);
  using protocol = boost::asio::local::stream_protocol;
  protocol::socket near(ex);
  protocol::socket far(ex);
  boost::asio::local::connect_pair(near, far);
  server.serve(ttrpc::make_byte_stream(std::move(far)));
  client = std::make_unique<ttrpc::client>(ex, ttrpc::make_byte_stream(std::move(near)), log);
  task = std::make_unique<api::task_client>(*client);
  events.start();
  if (booted) {
    sandbox.start();
    agent.boot();
  }
}

// In the order in which the shim itself ends.
awaitable<void> shim_fixture::end() {
  co_await sandbox.stop();
  co_await service.join();
  client->close();
  co_await client->join();
  server.close();
  co_await server.join();
  co_await events.flush(5s);
  co_await service.linger();
  co_await agent.stop();
  co_await containerd.stop();
}

std::string shim_fixture::make_bundle(const std::string& id, const std::string& config_text) {
  const std::string bundle = directory / id;
  std::filesystem::create_directories(bundle + "/rootfs");
  EXPECT_TRUE(
      flow::write_file(bundle + "/config.json", config_text.empty() ? plain_config : config_text));
  return bundle;
}

std::string shim_fixture::make_fifo(const std::string& name) {
  const std::string path = directory / name;
  EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
  return path;
}

api::CreateTaskRequest shim_fixture::create_request(const std::string& id) {
  api::CreateTaskRequest request;
  request.set_id(id);
  request.set_bundle(make_bundle(id));
  return request;
}

awaitable<void> shim_fixture::create(std::string id) {
  const auto request = create_request(id);
  const auto created = co_await task->create(request);
  EXPECT_TRUE(created) << created.error().message();
}

awaitable<void> shim_fixture::start(std::string id, std::string exec_id) {
  const auto failure = co_await try_start(id, exec_id);
  EXPECT_FALSE(failure.code()) << failure.message();
}

awaitable<void> shim_fixture::exec(std::string id, std::string exec_id) {
  const auto failure = co_await try_exec(id, exec_id);
  EXPECT_FALSE(failure.code()) << failure.message();
}

awaitable<std::uint32_t> shim_fixture::wait(std::string id, std::string exec_id) {
  const auto request = request_for<api::WaitRequest>(id, exec_id);
  const auto waited = co_await task->wait(request);
  EXPECT_TRUE(waited) << waited.error().message();
  co_return waited ? waited.value().exit_status() : ~0U;
}

awaitable<void> shim_fixture::remove(std::string id, std::string exec_id) {
  const auto failure = co_await try_delete(id, exec_id);
  EXPECT_FALSE(failure.code()) << failure.message();
}

awaitable<error> shim_fixture::try_start(std::string id, std::string exec_id) {
  const auto request = request_for<api::StartRequest>(id, exec_id);
  const auto r = co_await task->start(request);
  co_return error_of(r);
}

awaitable<error> shim_fixture::try_exec(std::string id, std::string exec_id) {
  auto request = request_for<api::ExecProcessRequest>(id, exec_id);
  request.mutable_spec()->set_value(R"({"args": ["true"]})");
  const auto r = co_await task->exec(request);
  co_return error_of(r);
}

awaitable<error> shim_fixture::try_kill(std::string id, std::uint32_t signal, std::string exec_id) {
  auto request = request_for<api::KillRequest>(id, exec_id);
  request.set_signal(signal);
  const auto r = co_await task->kill(request);
  co_return error_of(r);
}

awaitable<error> shim_fixture::try_delete(std::string id, std::string exec_id) {
  const auto request = request_for<api::DeleteRequest>(id, exec_id);
  const auto r = co_await task->delete_(request);
  co_return error_of(r);
}

awaitable<error> shim_fixture::try_wait(std::string id, std::string exec_id) {
  const auto request = request_for<api::WaitRequest>(id, exec_id);
  const auto r = co_await task->wait(request);
  co_return error_of(r);
}

awaitable<api::StateResponse> shim_fixture::state(std::string id, std::string exec_id) {
  const auto request = request_for<api::StateRequest>(id, exec_id);
  const auto r = co_await task->state(request);
  EXPECT_TRUE(r) << r.error().message();
  co_return r ? r.value() : api::StateResponse();
}

}  // namespace tests
