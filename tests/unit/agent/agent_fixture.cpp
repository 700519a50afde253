#include "tests/unit/agent/agent_fixture.hpp"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "flow/system/file.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

namespace tests {

using flow::awaitable;
using hvsock::agent::v1::Stdio;

agent_fixture::agent_fixture(const boost::asio::any_io_executor& e)
    : executor(e),
      log(STDERR_FILENO, flow::log::level::error),
      tasks(executor,
            [](const std::string& name, const std::exception_ptr& failure) {
              ADD_FAILURE() << name << ": " << flow::describe(failure);
            }),
      reaper(executor),
      crun(reaper, directory / "crun"),
      shim(executor),
      dialer(executor, shim.dialer()),
      events(executor),
      containers({.executor = executor,
                  .children = reaper,
                  .runtime = crun,
                  .shim = dialer,
                  .events = events,
                  .system = system,
                  .log = log},
                 {.bundles = directory / "bundles",
                  .cgroups = directory / "cgroups",
                  .shares = directory / "shares"}) {
  std::filesystem::create_symlink(FAKE_CRUN, directory / "crun");
  std::filesystem::create_directory(directory / "bundles");
  std::filesystem::create_directory(directory / "cgroups");
  tasks.spawn("reaper", reaper.run());
}

awaitable<void> agent_fixture::end() {
  std::ifstream pids(directory / "pids");
  for (pid_t pid = 0; pids >> pid;) {
    ::kill(pid, SIGKILL);
    ::kill(-pid, SIGKILL);
  }
  reaper.stop();
  co_await tasks.join();
  co_await containers.close();
}

Stdio agent_fixture::all_streams(std::uint32_t process) {
  Stdio wanted;
  const auto number = std::to_string(process);
  wanted.mutable_stdin()->set_token(token_of(number + " stdin"));
  wanted.mutable_stdout()->set_token(token_of(number + " stdout"));
  wanted.mutable_stderr()->set_token(token_of(number + " stderr"));
  return wanted;
}

Stdio agent_fixture::terminal(std::uint32_t process) {
  Stdio wanted;
  wanted.set_terminal(true);
  wanted.mutable_stdout()->set_token(token_of(std::to_string(process) + " stdout"));
  return wanted;
}

awaitable<flow::stream*> agent_fixture::stream(std::uint32_t process, std::string name) {
  const auto found = co_await shim.stream(token_of(std::to_string(process) + " " + name));
  EXPECT_NE(found, nullptr) << name;
  co_return found;
}

awaitable<std::string> agent_fixture::read_to_end(flow::stream* from) {
  flow::error_code ending;
  auto text = co_await tests::read_to_end(*from, &ending);
  EXPECT_EQ(ending, boost::asio::error::eof);
  co_await from->close(std::chrono::seconds(10));
  co_return text;
}

awaitable<hvsock::agent::v1::Event> agent_fixture::next_event() {
  const auto pushed = [this] { return !events.empty(); };
  co_await events.changed().wait(pushed);
  const auto event = events.front();
  events.pop();
  co_return event;
}

awaitable<hvsock::agent::v1::ProcessExit> agent_fixture::next_exit() {
  const auto event = co_await next_event();
  EXPECT_TRUE(event.has_exit());
  co_return event.exit();
}

awaitable<void> agent_fixture::until(std::function<bool()> holds) {
  while (!holds()) {
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
  }
}

void agent_fixture::fail(const std::string& verb, const std::string& text) {
  EXPECT_TRUE(flow::write_file(directory / (verb + ".log"), text));
}

void agent_fixture::succeed(const std::string& verb) {
  std::filesystem::remove(directory / (verb + ".log"));
}

std::string agent_fixture::calls() const {
  std::ifstream file(directory / "calls");
  std::string all;
  for (std::string line; std::getline(file, line);) {
    all += (all.empty() ? "" : ", ") + line;
  }
  return all;
}

bool agent_fixture::exists(const std::string& path) const {
  return std::filesystem::exists(path);
}

std::string agent_fixture::bundle(std::uint32_t container) const {
  return directory / ("bundles/c" + std::to_string(container));
}

std::string agent_fixture::cgroup(std::uint32_t container) const {
  return directory / ("cgroups/c" + std::to_string(container));
}

void agent_fixture::make_cgroup(std::uint32_t container, const std::string& pids) const {
  std::filesystem::create_directory(cgroup(container));
  EXPECT_TRUE(flow::write_file(cgroup(container) + "/cgroup.procs", pids));
}

void agent_fixture::write_cgroup(std::uint32_t container, const std::string& file,
                                 const std::string& text) const {
  EXPECT_TRUE(flow::write_file(cgroup(container) + "/" + file, text));
}

}  // namespace tests
