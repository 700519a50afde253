// One sandbox: a virtual machine with its guest, from the moment it starts to boot to its end.
//
//   starting --guest answers--> ready --machine or guest ends--> lost
//       \--------- cannot start, does not boot in time ----------^
//
// Containers are put into it and register their processes; the sandbox tells each of its exit, or
// that it is lost with the machine.
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
  // The exit of a process as the guest reports it; nothing: it was lost with the machine.
  using reported_exit = std::optional<hvsock::agent::v1::ProcessExit>;
  using exit_handler = std::function<void(const reported_exit&)>;
  using out_of_memory_handler = std::function<void()>;

  // `vm`, not started yet, is to serve the view of `files`. Everything given outlives the object.
  sandbox(const flow::asio::any_io_executor& executor, share& files, machine& vm, const config& c,
          flow::log& log);
  sandbox(const sandbox&) = delete;
  sandbox& operator=(const sandbox&) = delete;

  // Starts booting; returns at once.
  void start();

  // Waits for the guest. An error says why there is none (any more).
  flow::awaitable<flow::result<void>> ready();

  // The guest is up, and was not lost yet.
  bool is_ready() const noexcept { return ready_ && !lost_; }

  // It has ended: lost, or stopped.
  bool lost() const noexcept { return lost_.has_value(); }
  flow::awaitable<void> wait_lost();

  // Calls of the agent; only after ready().
  const hvsock::agent::v1::agent_client& agent() const { return guest_->agent(); }

  // Where the streams that the guest is to connect are expected.
  guest& connections() { return *guest_; }

  // Plugs disks in and out; only after ready().
  machine& vm() { return machine_; }

  // What the guest sees of the host's file systems.
  share& files() noexcept { return share_; }

  // Numbers for containers and processes, never used twice.
  std::uint32_t next_number() noexcept { return ++last_number_; }

  // `on_exit` is called once, when process `number` has ended or is lost. Taken back by forget().
  void expect_exit(std::uint32_t number, exit_handler on_exit);
  // `on_oom` is called whenever the guest's kernel has killed processes of container `number` for
  // want of memory. Taken back by forget() too: no number is both a container's and a process's.
  void expect_out_of_memory(std::uint32_t number, out_of_memory_handler on_oom);

  void forget(std::uint32_t number) {
    exits_.erase(number);
    out_of_memory_.erase(number);
  }

  // Writes how it is into the log.
  flow::awaitable<void> report() { co_await guest_->report(); }

  // Ends the machine at once.
  void kill(const std::string& reason);

  // Ends the machine and returns when none of its processes is left. stop() is still to come.
  flow::awaitable<void> halt();

  // Ends it and returns when nothing of it is left.
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
