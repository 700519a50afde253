#include "shim/bootstrap/start.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "flow/system/file.hpp"
#include "flow/system/number.hpp"
#include "flow/system/spawn.hpp"
#include "flow/system/split.hpp"
#include "flow/unique_fd.hpp"
#include "shim/bootstrap/cgroup.hpp"
#include "shim/bootstrap/listening_socket.hpp"
#include "shim/bootstrap/start_answer.hpp"
#include "shim/bootstrap/start_input.hpp"
#include "shim/config/config.hpp"
#include "shim/state/paths.hpp"
#include "shim/state/program_path.hpp"
#include "shim/state/sandbox_lock.hpp"

namespace shim {

using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

// One more than containerd's own, so that under memory pressure a shim is killed before containerd.
std::optional<int> oom_score_adj() {
  constexpr int most = 1000;
  const auto text = flow::read_file("/proc/" + std::to_string(::getppid()) + "/oom_score_adj");
  if (!text) {
    return {};
  }
  std::string_view line = *text;
  const auto containerds = flow::parse_number<int>(flow::split_front(line, '\n'));
  return std::min(containerds.value_or(0) + 1, most);
}

// Problems with the state directory are reported here, because the shim itself has no one to report
// them to.
result<void> prepare_directory(const std::filesystem::path& directory) {
  const auto lock = lock_sandbox(directory, std::chrono::milliseconds(0));
  if (!lock) {
    return lock.error();
  }
  return {};
}

// Process attributes that the shim and its children inherit from this process.
result<void> prepare_process(const start_input& input) {
  if (!input.events_address.empty()) {
    ::setenv("TTRPC_ADDRESS", input.events_address.c_str(), 0);
  }
  // containerd can be configured to give each shim, with its guest, its own core-scheduling group.
  if (const char* value = std::getenv("SCHED_CORE"); value != nullptr && *value != '\0') {
    if (::prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD, 0) != 0) {
      return system_error("core scheduling (SCHED_CORE is set)");
    }
  }
  if (!input.runtime.shim_cgroup.empty()) {
    return join_cgroup(input.runtime.shim_cgroup);
  }
  return {};
}

result<void> start_daemon(const options& o, bool debug, const unique_fd& listening) {
  flow::command c;
  c.argv = {program_path(), "-namespace", o.containerd_namespace, "-id", o.id,
            "-address",     o.address};
  if (debug) {
    c.argv.emplace_back("-debug");
  }
  c.descriptors = {{listening.get(), listening_descriptor}};
  c.new_session = true;
  c.oom_score_adj = oom_score_adj();
  if (const auto pid = flow::spawn(c); !pid) {
    return pid.error();
  }
  return {};
}

}  // namespace

result<std::string> start(const options& o) {
  const auto input = read_stdin();
  if (!input) {
    return input.error();
  }
  const auto given = parse_start_input(input.value(), o);
  if (!given) {
    return given.error();
  }
  const auto config_path = keep_config(".", given.value().runtime);
  if (!config_path) {
    return config_path.error();
  }
  const auto c = load_config(program_path(), config_path.value());
  if (!c) {
    return c.error();
  }
  if (auto found = check_files(c.value()); !found) {
    return std::move(found).error();
  }

  const auto group = group_of(".", o.id);
  const auto path = socket_path(given.value().socket_directory, o, group);
  const std::string address = "unix://" + path.string();
  std::string answer = start_answer(address, given.value().parameters, c.value().bootstrap_version);
  auto listening = listen_at(path);
  if (!listening) {
    return std::move(listening).error();
  }
  // Older versions of containerd use this file to find the shim after a restart.
  if (auto written = flow::write_file("address", address); !written) {
    return std::move(written).error();
  }
  if (!listening.value()) {
    return answer;
  }
  const auto directory = sandbox_directory(c.value(), o, group);
  auto started = prepare_directory(directory);
  if (started) {
    started = prepare_process(given.value());
  }
  if (started) {
    started = start_daemon(o, o.debug || given.value().debug, *listening.value());
  }
  if (!started) {
    ::unlink(path.c_str());
    // containerd does not run `delete` for a shim that did not start.
    if (const auto lock = lock_left_sandbox(directory, std::chrono::milliseconds(0));
        lock && lock.value()) {
      remove_sandbox_directory(directory);
    }
    return std::move(started).error();
  }
  return answer;
}

}  // namespace shim
