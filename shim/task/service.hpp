// containerd's Task service, versions 2 and 3, which differ only in name.
//
// Each method is in the file named after it, except that Resume is in pause.cpp, State and Wait are
// in query.cpp, ResizePty and CloseIO in stdio.cpp, Connect and Shutdown in service.cpp.
// lifecycle.hpp says which method is valid in which state. Calls on one process may overlap: each
// holds the container and the process it found until it has answered.
//
// Errors carry the codes that containerd's clients act on: not_found for an id or process that
// does not exist, failed_precondition for a call that is not valid in the state,
// already_exists, invalid_argument.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "containerd/task/v2/task.ttrpc.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/config/config.hpp"
#include "shim/events/publisher.hpp"
#include "shim/io/streaming.hpp"
#include "shim/sandbox/sandbox.hpp"
#include "shim/support/memory_trimmer.hpp"
#include "shim/task/container.hpp"

namespace shim {

class task_service final : public containerd::task::v2::task_service {
 public:
  // `on_shutdown` is called when containerd has asked the shim to end and no container is left. All
  // arguments must outlive the object.
  task_service(const flow::asio::any_io_executor& executor, sandbox& in, publisher& events,
               const config& c, std::function<void()> on_shutdown, flow::log& log);

  // There is no container, and none is being created.
  bool idle() const noexcept { return containers_.empty(); }

  // The service through which clients connect streams of processes, to be served beside this one.
  streaming& connected_streams() noexcept { return streaming_; }

  std::size_t count() const noexcept { return containers_.size(); }

  // Sends SIGTERM to every container, kills what is left after `grace`, and returns when all exits
  // are published. If `grace` is 0, no SIGTERM is sent.
  flow::awaitable<void> stop_all(std::chrono::steady_clock::duration grace);

  // The pid that represents the sandbox itself, for clients that name its namespaces by it.
  void set_sandbox_pid(pid_t pid) noexcept { sandbox_pid_ = pid; }

  // See memory_trimmer.
  void trim_soon() { trimmer_.trim_soon(); }

  // Logs one line for each process.
  void report() const;

  // Waits until the output of deleted processes is delivered.
  flow::awaitable<void> linger();

  // Waits for the tasks of the remaining containers, whose processes must have ended.
  flow::awaitable<void> join();

 private:
  template <class Response>
  using answer = flow::awaitable<flow::result<Response>>;
  using context = ttrpc::call_context;
  using empty = google::protobuf::Empty;

  answer<containerd::task::v2::CreateTaskResponse> create(
      context& call, const containerd::task::v2::CreateTaskRequest& request) override;
  answer<containerd::task::v2::StartResponse> start(
      context& call, const containerd::task::v2::StartRequest& request) override;
  answer<containerd::task::v2::DeleteResponse> delete_(
      context& call, const containerd::task::v2::DeleteRequest& request) override;
  answer<empty> exec(context& call,
                     const containerd::task::v2::ExecProcessRequest& request) override;
  answer<empty> kill(context& call, const containerd::task::v2::KillRequest& request) override;
  answer<containerd::task::v2::WaitResponse> wait(
      context& call, const containerd::task::v2::WaitRequest& request) override;
  answer<containerd::task::v2::StateResponse> state(
      context& call, const containerd::task::v2::StateRequest& request) override;
  answer<containerd::task::v2::PidsResponse> pids(
      context& call, const containerd::task::v2::PidsRequest& request) override;
  answer<empty> pause(context& call, const containerd::task::v2::PauseRequest& request) override;
  answer<empty> resume(context& call, const containerd::task::v2::ResumeRequest& request) override;
  answer<empty> checkpoint(context& call,
                           const containerd::task::v2::CheckpointTaskRequest& request) override;
  answer<empty> update(context& call,
                       const containerd::task::v2::UpdateTaskRequest& request) override;
  answer<containerd::task::v2::StatsResponse> stats(
      context& call, const containerd::task::v2::StatsRequest& request) override;
  answer<empty> resize_pty(context& call,
                           const containerd::task::v2::ResizePtyRequest& request) override;
  answer<empty> close_io(context& call,
                         const containerd::task::v2::CloseIORequest& request) override;
  answer<containerd::task::v2::ConnectResponse> connect(
      context& call, const containerd::task::v2::ConnectRequest& request) override;
  answer<empty> shutdown(context& call,
                         const containerd::task::v2::ShutdownRequest& request) override;

  struct located {
    std::shared_ptr<container> owner;
    std::shared_ptr<process> found;
  };

  // Whether to find a container whose Create is under way.
  enum class visibility { known, any };

  // not_found if there is none.
  flow::result<std::shared_ptr<container>> find_container(const std::string& id,
                                                          visibility which = visibility::known);
  flow::result<located> find_process(const std::string& id, const std::string& exec_id,
                                     visibility which = visibility::known);

  // create.cpp
  flow::awaitable<flow::result<void>> create_container(
      context& call, container& c, const containerd::task::v2::CreateTaskRequest& request);
  flow::awaitable<flow::result<void>> open_streams(const container& c, process& init,
                                                   stdio_names names);
  flow::result<std::string> prepare_files(container& c, const spec& s,
                                          const std::vector<mount_description>& rootfs);
  flow::awaitable<flow::result<void>> create_in_guest(context& call, container& c,
                                                      std::string guest_spec);
  // namespaces.cpp
  std::string namespace_in_guest(const std::string& type, const std::filesystem::path& path) const;
  // start.cpp
  flow::awaitable<flow::result<void>> start_process(context& call, container& c, process& p);
  flow::awaitable<flow::result<void>> start_init(context& call, container& c, process& p);
  flow::awaitable<flow::result<void>> start_exec(context& call, container& c, process& p);
  void publish_start(const container& c, const process& p);
  flow::awaitable<void> undo_exec(std::uint32_t container_number, std::uint32_t process_number);
  // kill.cpp
  flow::awaitable<flow::result<void>> send_signal(const container& c, std::shared_ptr<process> p,
                                                  std::uint32_t signal, bool all);
  flow::awaitable<void> enforce_kill(std::shared_ptr<process> p);
  void abort_create(container& c);
  // pause.cpp
  flow::awaitable<void> undo_pause(std::uint32_t container_number);
  // stop_all.cpp
  flow::awaitable<void> signal_all(std::uint32_t signal);
  flow::awaitable<void> wait_all_stopped(std::chrono::steady_clock::time_point limit);
  // delete.cpp
  flow::awaitable<flow::result<void>> delete_init(std::shared_ptr<container> c, process& init);
  flow::awaitable<void> delete_exec(container& c, std::shared_ptr<process> p);
  flow::awaitable<void> delete_process_in_guest(std::uint32_t process_number);
  // dismantle.cpp
  flow::awaitable<void> dismantle(std::shared_ptr<container> c);
  flow::awaitable<void> delete_in_guest(std::uint32_t container_number);
  flow::awaitable<void> release(std::shared_ptr<process> p);
  // service.cpp
  void process_stopped(const container& c, const process& p);
  void out_of_memory(container& c);

  flow::asio::any_io_executor executor_;
  sandbox& sandbox_;
  publisher& events_;
  const config& config_;
  std::function<void()> on_shutdown_;
  flow::log& log_;
  streaming streaming_;
  pid_t sandbox_pid_ = 0;
  std::map<std::string, std::shared_ptr<container>> containers_;
  flow::task_group lingering_;  // deleted processes whose output is not all delivered yet
  flow::event removed_;         // a container was removed
  memory_trimmer trimmer_;
  flow::task_group background_;
};

}  // namespace shim
