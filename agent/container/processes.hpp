// The processes that the shim has asked for, by its ids: their states, streams and exits.
#pragma once

#include <sys/types.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/container/process_state.hpp"
#include "agent/container/reaper.hpp"
#include "agent/ids.hpp"
#include "agent/io/console_socket.hpp"
#include "agent/io/process_stdio.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"

namespace agent {

class processes {
 public:
  using stdio_request = hvsock::agent::v1::Stdio;

  struct entry {
    process_id id = 0;
    container_id container = 0;
    process_state state = process_state::creating;
    pid_t pid = 0;  // once it is alive
    std::unique_ptr<process_stdio> stdio = {};
    std::optional<console_socket> console = {};  // while it is being created with a terminal

    // Where crun sends the terminal; empty without one.
    std::string console_path() const { return console ? console->path() : std::string(); }
  };

  // Given the process and the event that reports its exit. May remove the process.
  using exit_handler = std::function<void(const entry&, hvsock::agent::v1::Event)>;

  // `children`, `shim` and `log` must outlive the object.
  processes(const flow::asio::any_io_executor& executor, reaper& children, shim_dialer& shim,
            flow::log& log, exit_handler on_exit);

  // A process to create, until adopt() succeeds or abandon() is called; it stays where it is.
  // invalid_argument: id 0; already_exists.
  flow::result<entry*> add(process_id id, container_id container);

  // Connects its streams, and listens at `console_path` if it is to have a terminal.
  flow::awaitable<flow::result<void>> connect(entry& p, const stdio_request& wanted,
                                              const std::string& console_path);

  // crun has made it: from here on its bytes move, and its exit is reported, maybe from within this
  // call. The caller has held a reaper::expectation since before it called crun.
  flow::result<void> adopt(entry& p, pid_t pid);

  // It could not be created.
  void abandon(process_id id);

  // not_found if there is none.
  flow::result<entry*> find(process_id id);

  // The living process with this pid; 0 if it is none of ours.
  process_id id_of(pid_t pid) const;

  static flow::result<void> signal(const entry& p, int signal);

  // Forgets a process that has exited; its streams end after what is in its pipes now.
  flow::result<void> remove(process_id id);
  void remove_exited(container_id container);

  std::size_t size() const noexcept { return entries_.size(); }

  // Aborts every stream and returns when nothing of this object runs any more. The last call, once
  // the reaper has ended.
  flow::awaitable<void> close();

 private:
  void exited(entry& p, process_exit exit);
  void release(std::unique_ptr<process_stdio> stdio);
  flow::awaitable<void> run_release(std::list<std::unique_ptr<process_stdio>>::iterator stdio);

  flow::asio::any_io_executor executor_;
  reaper& children_;
  shim_dialer& shim_;
  flow::log& log_;
  exit_handler on_exit_;
  std::map<process_id, std::unique_ptr<entry>> entries_;
  std::list<std::unique_ptr<process_stdio>> released_;  // of processes that were forgotten
  flow::task_group releases_;
};

}  // namespace agent
