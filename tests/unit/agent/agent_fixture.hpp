// Containers in a directory of the test, run by a stand-in for crun that takes shell scripts for
// OCI documents, with their streams at a stand-in for the shim.
//
//   fixture_test<agent_fixture>([](agent_fixture& f) -> awaitable<void> {
//     co_await f.containers.create(1, 10, "echo hello", no_streams);
//     co_await f.containers.start(1);
//     const auto exit = co_await f.next_exit();
//   });
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "agent/container/containers.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/agent/boot/fake_os.hpp"
#include "tests/unit/agent/fake_shim.hpp"

namespace tests {

struct agent_fixture {
  explicit agent_fixture(const boost::asio::any_io_executor& executor);

  // Everything must have ended by then but the processes, which are killed.
  flow::awaitable<void> end();

  // Process `process` has the streams "<process> stdin", "<process> stdout" and "<process> stderr".
  static hvsock::agent::v1::Stdio all_streams(std::uint32_t process);
  static hvsock::agent::v1::Stdio terminal(std::uint32_t process);
  flow::awaitable<flow::stream*> stream(std::uint32_t process, std::string name);

  // Reads a stream to its clean end and says Close, as the shim does.
  flow::awaitable<std::string> read_to_end(flow::stream* from);

  // Waits for it; a test that waits in vain fails.
  flow::awaitable<hvsock::agent::v1::Event> next_event();
  flow::awaitable<hvsock::agent::v1::ProcessExit> next_exit();

  // Lets the agent work until `holds` does; for what no event announces.
  flow::awaitable<void> until(std::function<bool()> holds);

  // From now on.
  void fail(const std::string& verb, const std::string& log);
  void succeed(const std::string& verb);

  // "create c1, start c1"
  std::string calls() const;

  bool exists(const std::string& path) const;
  std::string bundle(std::uint32_t container) const;
  std::string cgroup(std::uint32_t container) const;

  // What the kernel would show of the container's processes.
  void make_cgroup(std::uint32_t container, const std::string& pids) const;
  void write_cgroup(std::uint32_t container, const std::string& file,
                    const std::string& text) const;

  boost::asio::any_io_executor executor;
  temporary_directory directory;
  flow::log log;
  flow::task_group tasks;
  agent::reaper reaper;
  agent::crun crun;
  fake_shim shim;
  agent::shim_dialer dialer;
  agent::event_queue events;
  fake_os system;
  agent::containers containers;
};

// The ttrpc code and the context of a failure.
template <class T>
std::string failure_of(const flow::result<T>& r) {
  return r ? "no failure" : r.error().message();
}

}  // namespace tests
