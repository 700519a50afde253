// One sandbox: a virtual machine with its guest, from its boot to its end.
//
//   starting --guest answers--> ready --machine or guest ends--> lost
//       \--------- cannot start, does not boot in time ----------^
//
// Containers are added to it and register their processes; the sandbox reports the exit of each
// process, or its loss with the machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "flow/asio.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/config/config.hpp"
#include "shim/rootfs/share.hpp"
#include "shim/sandbox/guest.hpp"
#include "shim/vm/machine.hpp"

namespace shim {

class sandbox {
 public:
  // The exit of a process as the guest reported it; nullopt: it was lost with the machine.
  using reported_exit = std::optional<hvsock::agent::v1::ProcessExit>;
  using exit_handler = std::function<void(const reported_exit&)>;
  using out_of_memory_handler = std::function<void()>;

  // `vm`, not started yet, must serve the view of `files`. All arguments must outlive the object.
  sandbox(const flow::asio::any_io_executor& executor, share& files, machine& vm, const config& c,
          flow::log& log);
  sandbox(const sandbox&) = delete;
  sandbox& operator=(const sandbox&) = delete;

  // Starts booting; returns at once.
  void start();

  // Waits for the guest. An error says why it did not start or why it was lost.
  flow::awaitable<flow::result<void>> ready();

  // The guest is running, and was not lost.
  bool is_ready() const noexcept { return ready_ && !lost_; }

  // The sandbox has ended: it was lost or stopped.
  bool lost() const noexcept { return lost_.has_value(); }
  flow::awaitable<void> wait_lost();

  // Client for calls to the agent; only after ready().
  const hvsock::agent::v1::agent_client& agent() const { return guest_->agent(); }

  // Where to register the streams that the guest is to connect.
  guest& connections() { return *guest_; }

  // The machine, to attach and detach disks; only after ready().
  machine& vm() { return machine_; }

  // The guest's view of the host's file systems.
  share& files() noexcept { return share_; }

  // Returns a new number for a container or a process; numbers are never reused.
  std::uint32_t next_number() noexcept { return ++last_number_; }

  // `on_exit` is called once, when process `number` has exited or is lost. forget() unregisters it.
  void expect_exit(std::uint32_t number, exit_handler on_exit);
  // `on_oom` is called whenever the guest's kernel has killed processes of container `number`
  // because memory ran out. forget() unregisters it too: containers and processes never share
  // a number.
  void expect_out_of_memory(std::uint32_t number, out_of_memory_handler on_oom);

  void forget(std::uint32_t number) {
    exits_.erase(number);
    out_of_memory_.erase(number);
  }

  // Logs the guest's status.
  flow::awaitable<void> report() { co_await guest_->report(); }

  // Kills the machine at once.
  void kill(const std::string& reason);

  // Ends the machine and returns when none of its processes is left. stop() must still be called.
  flow::awaitable<void> halt();

  // Ends the sandbox and returns when nothing of it is left.
  flow::awaitable<void> stop();

 private:
  flow::awaitable<void> boot();
  flow::awaitable<void> watch_machine();
  flow::awaitable<void> watch_guest();
  void lose(flow::error why);
  void end(flow::error why);
  void handle(const hvsock::agent::v1::Event& event);
  void process_exited(const hvsock::agent::v1::ProcessExit& exit);

  share& share_;
  const config& config_;
  flow::log& log_;
  machine& machine_;
  std::unique_ptr<guest> guest_;
  bool ready_ = false;
  std::optional<flow::error> lost_;
  std::uint32_t last_number_ = 0;
  std::map<std::uint32_t, exit_handler> exits_;
  std::map<std::uint32_t, out_of_memory_handler> out_of_memory_;
  flow::event changed_;
  flow::task_group tasks_;
};

}  // namespace shim
