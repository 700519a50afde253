// Runs the OCI runtime, crun: one method for each verb that the agent needs. `id` is
// guest_contract::container_name().
#pragma once

#include <sys/types.h>

#include <string>

#include "agent/container/reaper.hpp"
#include "agent/io/process_descriptors.hpp"
#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace agent {

class crun {
 public:
  // `program` is the crun binary. Errors of its verbs carry crun's own message, or its exit
  // status if it logged none, with code unknown. `children` must outlive the object.
  crun(reaper& children, std::string program = "/usr/bin/crun");
  crun(const crun&) = delete;
  crun& operator=(const crun&) = delete;

  // Prepares a container from `bundle`/config.json and returns the pid of its first process,
  // which waits to be started. With a terminal, `console_socket` is where crun sends the pty's
  // master. The caller holds a reaper::expectation until it watches the pid.
  flow::awaitable<flow::result<pid_t>> create(const std::string& id, const std::string& bundle,
                                              process_descriptors descriptors,
                                              const std::string& console_socket);

  flow::awaitable<flow::result<void>> start(const std::string& id, const std::string& bundle);

  // Runs the process described by the OCI process object in file `process`, whose name is also the
  // prefix of the files that the call needs. As with create() the caller holds an expectation.
  flow::awaitable<flow::result<pid_t>> exec(const std::string& id, const std::string& process,
                                            process_descriptors descriptors,
                                            const std::string& console_socket);

  // Freezes and thaws every process of the container.
  flow::awaitable<flow::result<void>> pause(const std::string& id, const std::string& bundle);
  flow::awaitable<flow::result<void>> resume(const std::string& id, const std::string& bundle);

  // Sets the limits that the OCI resources object in file `resources` names.
  flow::awaitable<flow::result<void>> update(const std::string& id, const std::string& bundle,
                                             const std::string& resources);

  // Kills what is left of the container and removes its cgroup and state.
  flow::awaitable<flow::result<void>> remove(const std::string& id, const std::string& bundle);

 private:
  flow::awaitable<flow::result<void>> run(std::vector<std::string> arguments, std::string log_file,
                                          process_descriptors descriptors);

  reaper& children_;
  std::string program_;
};

// The errors in crun's log (one JSON object a line), joined to one line; empty if there are none.
std::string crun_error_text(std::string_view log);

}  // namespace agent
