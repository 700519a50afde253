// Runs the OCI runtime, crun: one method per verb the agent needs.
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
  // `program` is the crun binary. Errors of its verbs carry crun's own words.
  crun(reaper& children, std::string program = "/usr/bin/crun");
  crun(const crun&) = delete;
  crun& operator=(const crun&) = delete;

  // Prepares container `id` from `bundle`/config.json and returns the pid of its first process,
  // which waits to be started. With a terminal, `console_socket` is where crun sends the pty's
  // master. The caller holds a reaper::expectation until it watches the pid.
  flow::awaitable<flow::result<pid_t>> create(const std::string& id, const std::string& bundle,
                                              process_descriptors descriptors,
                                              const std::string& console_socket);

  flow::awaitable<flow::result<void>> start(const std::string& id, const std::string& bundle);

  // Runs the process described by the OCI process object in file `process`, whose name is also the
  // base of the files the call needs. As with create() the caller expects the exit.
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

// What crun wrote to its log (one JSON object a line), as one line of text.
std::string crun_error_text(std::string_view log);

}  // namespace agent
