#include "agent/container/crun.hpp"

#include <unistd.h>

#include <boost/json/parse.hpp>
#include <vector>

#include "flow/system/file.hpp"
#include "flow/system/number.hpp"
#include "flow/system/spawn.hpp"
#include "flow/system/split.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;

namespace {

result<pid_t> read_pid(const std::string& file) {
  auto text = flow::read_file(file);
  if (!text) {
    return std::move(text).error();
  }
  std::string_view line = *text;
  const auto pid = flow::parse_number<pid_t>(flow::split_front(line, '\n'), 1);
  if (!pid) {
    return error(errc::protocol, "crun did not write a pid to " + file);
  }
  return *pid;
}

void append_console(std::vector<std::string>& arguments, const std::string& console_socket) {
  if (console_socket.empty()) {
    return;
  }
  arguments.insert(arguments.end(), {"--console-socket", console_socket});
}

}  // namespace

crun::crun(reaper& children, std::string program)
    : children_(children), program_(std::move(program)) {}

awaitable<result<void>> crun::run(std::vector<std::string> arguments, std::string log_file,
                                  process_descriptors descriptors) {
  ::unlink(log_file.c_str());
  flow::command c;
  // The container inherits crun's stderr, so crun's own messages go to a file.
  c.argv = {program_,       "--root", "/run/crun",        "--log",   log_file,
            "--log-format", "json",   "--cgroup-manager", "cgroupfs"};
  c.argv.insert(c.argv.end(), arguments.begin(), arguments.end());
  c.environment = {"PATH=/usr/bin"};
  if (descriptors.in >= 0) {
    c.descriptors.push_back({descriptors.in, 0});
  }
  if (descriptors.out >= 0) {
    c.descriptors.push_back({descriptors.out, 1});
  }
  if (descriptors.err >= 0) {
    c.descriptors.push_back({descriptors.err, 2});
  }
  const auto pid = flow::spawn(c);
  if (!pid) {
    co_return pid.error();
  }
  const auto exit = co_await children_.wait(pid.value());
  if (exit.status == 0) {
    co_return result<void>();
  }

  const auto log = flow::read_file(log_file);
  std::string text = log ? crun_error_text(log.value()) : std::string();
  if (text.empty()) {
    text = "crun exited with status " + std::to_string(exit.status);
  }
  co_return error(ttrpc::code::unknown, std::move(text));
}

awaitable<result<pid_t>> crun::create(const std::string& id, const std::string& bundle,
                                      process_descriptors descriptors,
                                      const std::string& console_socket) {
  const std::string pid_file = bundle + "/pid";
  std::vector<std::string> arguments{"create", "--bundle", bundle, "--pid-file", pid_file};
  append_console(arguments, console_socket);
  arguments.push_back(id);
  const auto created = co_await run(std::move(arguments), bundle + "/log", descriptors);
  if (!created) {
    co_return created.error();
  }
  co_return read_pid(pid_file);
}

awaitable<result<void>> crun::start(const std::string& id, const std::string& bundle) {
  std::vector<std::string> arguments{"start", id};
  co_return co_await run(std::move(arguments), bundle + "/log", process_descriptors());
}

awaitable<result<pid_t>> crun::exec(const std::string& id, const std::string& process,
                                    process_descriptors descriptors,
                                    const std::string& console_socket) {
  const std::string pid_file = process + ".pid";
  std::vector<std::string> arguments{"exec",  "--detach",   "--process",
                                     process, "--pid-file", pid_file};
  append_console(arguments, console_socket);
  arguments.push_back(id);
  const auto started = co_await run(std::move(arguments), process + ".log", descriptors);
  if (!started) {
    co_return started.error();
  }
  co_return read_pid(pid_file);
}

awaitable<result<void>> crun::pause(const std::string& id, const std::string& bundle) {
  std::vector<std::string> arguments{"pause", id};
  co_return co_await run(std::move(arguments), bundle + "/log", process_descriptors());
}

awaitable<result<void>> crun::resume(const std::string& id, const std::string& bundle) {
  std::vector<std::string> arguments{"resume", id};
  co_return co_await run(std::move(arguments), bundle + "/log", process_descriptors());
}

awaitable<result<void>> crun::update(const std::string& id, const std::string& bundle,
                                     const std::string& resources) {
  std::vector<std::string> arguments{"update", "--resources", resources, id};
  co_return co_await run(std::move(arguments), bundle + "/log", process_descriptors());
}

awaitable<result<void>> crun::remove(const std::string& id, const std::string& bundle) {
  std::vector<std::string> arguments{"delete", "--force", id};
  co_return co_await run(std::move(arguments), bundle + "/log", process_descriptors());
}

std::string crun_error_text(std::string_view log) {
  std::string text;
  while (!log.empty()) {
    const auto line = flow::split_front(log, '\n');
    boost::system::error_code ec;
    const auto value = boost::json::parse(line, ec);
    if (ec || !value.is_object()) {
      continue;
    }
    const auto* message = value.as_object().if_contains("msg");
    const auto* level = value.as_object().if_contains("level");
    if (message == nullptr || !message->is_string()) {
      continue;
    }
    if (level != nullptr && level->is_string() && level->as_string() != "error") {
      continue;
    }
    if (!text.empty()) {
      text += ": ";
    }
    text += std::string_view(message->as_string());
  }
  return text;
}

}  // namespace agent
