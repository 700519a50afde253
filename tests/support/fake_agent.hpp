// The agent of a fake machine: answers every call as a real one would, unless configured otherwise.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "flow/stream.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "hvsock/agent/v1/agent.ttrpc.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "tests/support/fake_machine.hpp"

namespace tests {

class fake_agent final : public hvsock::agent::v1::agent_service {
 public:
  fake_agent(boost::asio::any_io_executor executor, fake_machine& in);

  // Connects the control connection and serves it.
  void boot();

  // Ends everything. The machine must have ended.
  flow::awaitable<void> stop();

  // Ends only the control connection.
  void hang_up() { server_.close(); }

  // Opens a connection and sends `first` on it, as any process of the guest can.
  flow::awaitable<std::unique_ptr<flow::stream>> dial(std::string first);

  // The pid that it reports for process `number`, a container's first.
  static std::uint32_t pid_in_guest(std::uint32_t number) { return 1000 + number; }

  // The process writes this; the shim reads it in the background.
  void write(std::uint32_t process, std::string text);

  // The process exits; its streams end. `written` is the reported length of its output, if it
  // differs from the actual one.
  void exit(std::uint32_t process, std::uint32_t status, std::optional<std::uint64_t> written = {});

  // Processes of the container were killed because memory ran out.
  void run_out_of_memory(std::uint32_t container);

  // Sends an event unchanged.
  void say(const hvsock::agent::v1::Event& event);

  // The data that the process reads from its stdin, up to its end.
  flow::awaitable<std::string> read_stdin(std::uint32_t process);

  // Calls of this method ("Kill") do not return before release().
  void hold(const std::string& method) { held_.insert(method); }
  void release(const std::string& method);

  // Calls of this method fail.
  std::map<std::string, flow::error> failures;

  // Returns when the method has been called `n` times in total.
  flow::awaitable<void> until_called(std::string method, std::size_t n = 1);
  std::size_t called(const std::string& method) const;

  // Returns when a held call of the method has been cancelled: its deadline has expired.
  flow::awaitable<void> until_cancelled(std::string method);

  bool obeys_signals = true;  // SIGKILL ends a process
  bool connects_streams = true;
  std::uint32_t protocol = 1;

  hvsock::agent::v1::CreateContainerRequest last_create;
  hvsock::agent::v1::ExecRequest last_exec;
  hvsock::agent::v1::KillRequest last_kill;
  hvsock::agent::v1::ResizePtyRequest last_resize;
  hvsock::agent::v1::HelloRequest last_hello;
  hvsock::agent::v1::PidsResponse pids_answer;
  hvsock::agent::v1::UpdateRequest last_update;
  hvsock::agent::v1::StatsResponse stats_answer;

 private:
  template <class T>
  using answer = flow::awaitable<flow::result<T>>;
  using context = ttrpc::call_context;

  struct process {
    std::unique_ptr<flow::stream> in;
    std::unique_ptr<flow::stream> out;
    std::unique_ptr<flow::stream> err;
    std::string unwritten;
    bool writing = false;
    std::uint64_t written = 0;
  };

  answer<hvsock::agent::v1::HelloResponse> hello(
      context& call, const hvsock::agent::v1::HelloRequest& request) override;
  answer<void> events(context& call, const hvsock::agent::v1::EventsRequest& request,
                      ttrpc::stream_writer<hvsock::agent::v1::Event> out) override;
  answer<hvsock::agent::v1::CreateContainerResponse> create_container(
      context& call, const hvsock::agent::v1::CreateContainerRequest& request) override;
  answer<hvsock::agent::v1::StartContainerResponse> start_container(
      context& call, const hvsock::agent::v1::StartContainerRequest& request) override;
  answer<hvsock::agent::v1::ExecResponse> exec(
      context& call, const hvsock::agent::v1::ExecRequest& request) override;
  answer<hvsock::agent::v1::KillResponse> kill(
      context& call, const hvsock::agent::v1::KillRequest& request) override;
  answer<hvsock::agent::v1::ResizePtyResponse> resize_pty(
      context& call, const hvsock::agent::v1::ResizePtyRequest& request) override;
  answer<hvsock::agent::v1::PidsResponse> pids(
      context& call, const hvsock::agent::v1::PidsRequest& request) override;
  answer<hvsock::agent::v1::DeleteProcessResponse> delete_process(
      context& call, const hvsock::agent::v1::DeleteProcessRequest& request) override;
  answer<hvsock::agent::v1::DeleteContainerResponse> delete_container(
      context& call, const hvsock::agent::v1::DeleteContainerRequest& request) override;
  answer<hvsock::agent::v1::SetClockResponse> set_clock(
      context& call, const hvsock::agent::v1::SetClockRequest& request) override;
  answer<hvsock::agent::v1::StatusResponse> status(
      context& call, const hvsock::agent::v1::StatusRequest& request) override;

  answer<hvsock::agent::v1::PauseResponse> pause(
      context& call, const hvsock::agent::v1::PauseRequest& request) override;
  answer<hvsock::agent::v1::ResumeResponse> resume(
      context& call, const hvsock::agent::v1::ResumeRequest& request) override;
  answer<hvsock::agent::v1::UpdateResponse> update(
      context& call, const hvsock::agent::v1::UpdateRequest& request) override;
  answer<hvsock::agent::v1::StatsResponse> stats(
      context& call, const hvsock::agent::v1::StatsRequest& request) override;

  // The beginning of every call: it is recorded, held, and perhaps made to fail.
  flow::awaitable<flow::result<void>> enter(context& call, std::string method);
  flow::awaitable<void> connect_streams(std::uint32_t number, hvsock::agent::v1::Stdio stdio);
  flow::awaitable<void> write_output(std::shared_ptr<process> p, std::string text);
  flow::awaitable<void> end_output(std::shared_ptr<process> p);

  boost::asio::any_io_executor executor_;
  fake_machine& machine_;
  flow::log log_;
  ttrpc::server server_;
  std::map<std::uint32_t, std::shared_ptr<process>> processes_;
  std::deque<hvsock::agent::v1::Event> queue_;
  std::map<std::string, std::size_t> calls_;
  std::set<std::string> held_;
  std::set<std::string> cancelled_;
  flow::event changed_;
  flow::task_group tasks_;
};

}  // namespace tests
