// One of the programs that a machine consists of: a child whose stderr goes into the log, and that
// can say how it ended.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"
#include "flow/system/spawn.hpp"
#include "flow/task_group.hpp"
#include "shim/support/child_process.hpp"
#include "shim/vm/output_log.hpp"

namespace shim {

// What a machine's programs run on. All of it outlives them.
struct helper_context {
  flow::asio::any_io_executor executor;
  flow::task_group& tasks;  // reads their stderr, and is joined before they are destroyed
  flow::log& log;
};

class helper_process {
 public:
  // Starts `c`, with its stderr connected to the log, where `source` names it. On error nothing is
  // left and no task was spawned. The child is killed if the shim is.
  static flow::result<std::unique_ptr<helper_process>> start(const helper_context& context,
                                                             flow::command c,
                                                             const std::string& source);

  helper_process(std::unique_ptr<child_process> child, std::unique_ptr<output_log> errors);

  pid_t pid() const noexcept { return child_->pid(); }

  void kill() noexcept { child_->kill(); }

  // Returns when the child was reaped and the rest of its stderr was read. Several may wait.
  flow::awaitable<void> wait();

  // How it ended, with the last lines of its stderr: "virtiofsd exited with status 1: no such
  // directory". `detail`, if there is any, comes between the two, in parentheses. Only after
  // wait().
  std::string end_text(const std::string& detail = std::string()) const;

  // The last lines of its stderr so far, empty if there are none.
  std::string error_tail() const { return errors_->tail(); }

 private:
  std::unique_ptr<child_process> child_;
  std::unique_ptr<output_log> errors_;
};

}  // namespace shim
