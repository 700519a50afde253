#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <stop_token>

#include "runtime_api/ttrpc/byte_stream.hpp"

namespace tests {

using flow::awaitable;
using flow::result;
using namespace std::chrono_literals;
namespace api = hvsock::agent::v1;

template <class T>
using answer = awaitable<result<T>>;

fake_agent::fake_agent(boost::asio::any_io_executor executor, fake_machine& in)
    : executor_(executor),
      machine_(in),
      log_(-1),
      server_(executor, log_),
      changed_(executor),
      tasks_(executor, [](const std::string& name, const std::exception_ptr& failure) {
        ADD_FAILURE() << name << ": " << flow::describe(failure);
      }) {
  server_.add_service(*this);
}

void fake_agent::boot() {
  flow::stream_options options;
  options.max_payload = flow::agreed_max_payload;
  server_.serve(ttrpc::make_byte_stream(flow::stream(machine_.connect(), options)));
}

awaitable<void> fake_agent::stop() {
  server_.close();
  held_.clear();
  for (const auto& [number, p] : processes_) {
    for (const auto& stream : {p->in.get(), p->out.get(), p->err.get()}) {
      if (stream != nullptr) {
        stream->abort();
      }
    }
  }
  changed_.notify_all();
  co_await server_.join();
  co_await tasks_.join();
}

awaitable<std::unique_ptr<flow::stream>> fake_agent::dial(std::string first) {
  auto stream = std::make_unique<flow::stream>(machine_.connect());
  static_cast<void>(co_await stream->write(flow::asio::buffer(first)));
  co_return stream;
}

void fake_agent::write(std::uint32_t process, std::string text) {
  const auto p = processes_.at(process);
  p->written += text.size();
  tasks_.spawn("write", write_output(p, std::move(text)));
}

awaitable<void> fake_agent::write_output(std::shared_ptr<process> p, std::string text) {
  p->unwritten += text;
  if (p->writing || !p->out) {
    co_return;
  }
  p->writing = true;
  while (!p->unwritten.empty()) {
    const auto next = std::exchange(p->unwritten, {});
    static_cast<void>(co_await p->out->write(flow::asio::buffer(next)));
  }
  p->writing = false;
  changed_.notify_all();
}

awaitable<void> fake_agent::end_output(std::shared_ptr<process> p) {
  while (p->writing) {
    co_await changed_.wait();
  }
  for (auto* stream : {p->in.get(), p->out.get(), p->err.get()}) {
    if (stream == nullptr) {
      continue;
    }
    if (stream != p->in.get()) {
      static_cast<void>(co_await stream->shutdown_write());
      co_await stream->wait_peer_closed();
    }
    static_cast<void>(co_await stream->close(10s));
  }
}

void fake_agent::exit(std::uint32_t process, std::uint32_t status,
                      std::optional<std::uint64_t> written) {
  api::Event event;
  event.mutable_exit()->set_process(process);
  event.mutable_exit()->set_exit_status(status);
  event.mutable_exit()->set_exited_at(1'700'000'000'123'456'789);
  if (const auto known = processes_.find(process); known != processes_.end()) {
    event.mutable_exit()->set_stdout_bytes(written.value_or(known->second->written));
    tasks_.spawn("end output", end_output(known->second));
  }
  say(event);
}

void fake_agent::say(const api::Event& event) {
  queue_.push_back(event);
  changed_.notify_all();
}

awaitable<std::string> fake_agent::read_stdin(std::uint32_t process) {
  const auto p = processes_.at(process);
  std::string all;
  std::string buffer(4096, '\0');
  for (;;) {
    const auto n = co_await p->in->read_some(flow::asio::buffer(buffer));
    if (!n) {
      EXPECT_EQ(n.error().code(), flow::error_code(boost::asio::error::eof));
      co_return all;
    }
    all.append(buffer, 0, n.value());
  }
}

void fake_agent::release(const std::string& method) {
  held_.erase(method);
  changed_.notify_all();
}

std::size_t fake_agent::called(const std::string& method) const {
  const auto found = calls_.find(method);
  return found == calls_.end() ? 0 : found->second;
}

awaitable<void> fake_agent::until_called(std::string method, std::size_t n) {
  const auto reached = [&] { return called(method) >= n; };
  co_await changed_.wait(reached);
}

awaitable<void> fake_agent::until_cancelled(std::string method) {
  const auto cancelled = [&] { return cancelled_.contains(method); };
  co_await changed_.wait(cancelled);
}

awaitable<result<void>> fake_agent::enter(context& call, std::string method) {
  ++calls_[method];
  changed_.notify_all();
  const std::stop_callback wake(call.stop_token(), [this] { changed_.notify_all(); });
  const auto over = [&] { return !held_.contains(method) || call.cancelled(); };
  co_await changed_.wait(over);
  if (call.cancelled()) {
    cancelled_.insert(method);
    changed_.notify_all();
  }
  if (const auto failure = failures.find(method); failure != failures.end()) {
    co_return failure->second;
  }
  co_return result<void>();
}

answer<api::HelloResponse> fake_agent::hello(context& call, const api::HelloRequest& request) {
  last_hello = request;
  const auto entered = co_await enter(call, "Hello");
  if (!entered) {
    co_return entered.error();
  }
  api::HelloResponse response;
  response.set_protocol(protocol);
  co_return response;
}

answer<void> fake_agent::events(context& call, const api::EventsRequest& /*request*/,
                                ttrpc::stream_writer<api::Event> out) {
  const auto entered = co_await enter(call, "Events");
  if (!entered) {
    co_return entered.error();
  }
  const std::stop_callback wake(call.stop_token(), [this] { changed_.notify_all(); });
  while (!call.cancelled()) {
    if (queue_.empty()) {
      co_await changed_.wait();
      continue;
    }
    const auto next = queue_.front();
    queue_.pop_front();
    const auto written = co_await out.write(next);
    if (!written) {
      co_return written.error();
    }
  }
  co_return result<void>();
}

awaitable<void> fake_agent::connect_streams(std::uint32_t number, api::Stdio stdio) {
  const auto p = std::make_shared<process>();
  processes_[number] = p;
  if (!connects_streams) {
    co_return;
  }
  if (stdio.has_stdin()) {
    p->in = co_await dial(stdio.stdin().token());
  }
  if (stdio.has_stdout()) {
    p->out = co_await dial(stdio.stdout().token());
  }
  if (stdio.has_stderr()) {
    p->err = co_await dial(stdio.stderr().token());
  }
}

answer<api::CreateContainerResponse> fake_agent::create_container(
    context& call, const api::CreateContainerRequest& request) {
  last_create = request;
  const auto entered = co_await enter(call, "CreateContainer");
  if (!entered) {
    co_return entered.error();
  }
  co_await connect_streams(request.process(), request.stdio());
  api::CreateContainerResponse response;
  response.set_pid(pid_in_guest(request.process()));
  co_return response;
}

answer<api::StartContainerResponse> fake_agent::start_container(
    context& call, const api::StartContainerRequest& /*request*/) {
  const auto entered = co_await enter(call, "StartContainer");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::StartContainerResponse();
}

answer<api::ExecResponse> fake_agent::exec(context& call, const api::ExecRequest& request) {
  last_exec = request;
  const auto entered = co_await enter(call, "Exec");
  if (!entered) {
    co_return entered.error();
  }
  co_await connect_streams(request.process(), request.stdio());
  co_return api::ExecResponse();
}

answer<api::KillResponse> fake_agent::kill(context& call, const api::KillRequest& request) {
  last_kill = request;
  const auto entered = co_await enter(call, "Kill");
  if (!entered) {
    co_return entered.error();
  }
  if (request.signal() == SIGKILL && obeys_signals) {
    exit(request.process(), 128 + SIGKILL);
  }
  co_return api::KillResponse();
}

answer<api::ResizePtyResponse> fake_agent::resize_pty(context& call,
                                                      const api::ResizePtyRequest& request) {
  last_resize = request;
  const auto entered = co_await enter(call, "ResizePty");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::ResizePtyResponse();
}

answer<api::SetClockResponse> fake_agent::set_clock(context& call,
                                                    const api::SetClockRequest& /*request*/) {
  const auto entered = co_await enter(call, "SetClock");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::SetClockResponse();
}

answer<api::PidsResponse> fake_agent::pids(context& call, const api::PidsRequest& /*request*/) {
  const auto entered = co_await enter(call, "Pids");
  if (!entered) {
    co_return entered.error();
  }
  co_return pids_answer;
}

answer<api::DeleteProcessResponse> fake_agent::delete_process(
    context& call, const api::DeleteProcessRequest& /*request*/) {
  const auto entered = co_await enter(call, "DeleteProcess");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::DeleteProcessResponse();
}

answer<api::DeleteContainerResponse> fake_agent::delete_container(
    context& call, const api::DeleteContainerRequest& /*request*/) {
  const auto entered = co_await enter(call, "DeleteContainer");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::DeleteContainerResponse();
}

answer<api::StatusResponse> fake_agent::status(context& call,
                                               const api::StatusRequest& /*request*/) {
  const auto entered = co_await enter(call, "Status");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::StatusResponse();
}

answer<api::PauseResponse> fake_agent::pause(context& call, const api::PauseRequest& /*request*/) {
  const auto entered = co_await enter(call, "Pause");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::PauseResponse();
}

answer<api::ResumeResponse> fake_agent::resume(context& call,
                                               const api::ResumeRequest& /*request*/) {
  const auto entered = co_await enter(call, "Resume");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::ResumeResponse();
}

answer<api::UpdateResponse> fake_agent::update(context& call, const api::UpdateRequest& request) {
  last_update = request;
  const auto entered = co_await enter(call, "Update");
  if (!entered) {
    co_return entered.error();
  }
  co_return api::UpdateResponse();
}

answer<api::StatsResponse> fake_agent::stats(context& call, const api::StatsRequest& /*request*/) {
  const auto entered = co_await enter(call, "Stats");
  if (!entered) {
    co_return entered.error();
  }
  co_return stats_answer;
}

void fake_agent::run_out_of_memory(std::uint32_t container) {
  api::Event event;
  event.mutable_out_of_memory()->set_container(container);
  event.mutable_out_of_memory()->set_kills(1);
  say(event);
}

}  // namespace tests
