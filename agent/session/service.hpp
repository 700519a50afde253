// The agent's side of hvsock.agent.v1.Agent: decodes calls to `containers` and encodes their results.
#pragma once

#include "agent/container/containers.hpp"
#include "agent/container/event_queue.hpp"
#include "hvsock/agent/v1/agent.ttrpc.hpp"

namespace agent {

class service final : public hvsock::agent::v1::agent_service {
 public:
  struct boot_times {
    std::uint32_t init_entered_ms;
    std::uint32_t connected_ms;
  };

  // `all` and `events` must outlive the object.
  service(containers& all, event_queue& events, boot_times times);

 private:
  template <class Response>
  using answer = flow::awaitable<flow::result<Response>>;
  using context = ttrpc::call_context;

  answer<hvsock::agent::v1::HelloResponse> hello(
      context& call, const hvsock::agent::v1::HelloRequest& request) override;
  flow::awaitable<flow::result<void>> events(
      context& call, const hvsock::agent::v1::EventsRequest& request,
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

  answer<hvsock::agent::v1::PauseResponse> pause(
      context& call, const hvsock::agent::v1::PauseRequest& request) override;
  answer<hvsock::agent::v1::ResumeResponse> resume(
      context& call, const hvsock::agent::v1::ResumeRequest& request) override;
  answer<hvsock::agent::v1::UpdateResponse> update(
      context& call, const hvsock::agent::v1::UpdateRequest& request) override;
  answer<hvsock::agent::v1::StatsResponse> stats(
      context& call, const hvsock::agent::v1::StatsRequest& request) override;

  answer<hvsock::agent::v1::StatusResponse> status(
      context& call, const hvsock::agent::v1::StatusRequest& request) override;

  containers& containers_;
  event_queue& events_;
  boot_times times_;
  bool event_stream_open_ = false;  // there is at most one call of events()
};

}  // namespace agent
