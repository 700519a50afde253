#include "tests/e2e/harness/containerd.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "flow/system/file.hpp"

namespace e2e {

namespace {

std::vector<std::string> hack_containerd(const std::string& verb) {
  return {HVSOCK_SOURCE_DIR "/hack/containerd", verb};
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    out.push_back(line);
  }
  return out;
}

}  // namespace

const std::string& private_containerd::directory() {
  static const std::string found = [] {
    auto asked = run(hack_containerd("dir")).out;
    return asked.substr(0, asked.find('\n'));
  }();
  return found;
}

void private_containerd::up() {
  const auto started = run(hack_containerd("up"));
  ASSERT_EQ(started.status, 0) << started.err;
}

std::vector<std::string> private_containerd::ctr(std::vector<std::string> arguments) {
  auto argv = hack_containerd("ctr");
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

std::vector<std::string> private_containerd::ctr_run(std::vector<std::string> flags,
                                                     const std::string& id,
                                                     std::vector<std::string> command) {
  std::vector<std::string> arguments{"run", "--runtime", runtime};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {image, id});
  arguments.insert(arguments.end(), command.begin(), command.end());
  return ctr(std::move(arguments));
}

std::string private_containerd::bundle(const std::string& id) {
  return directory() + "/state/io.containerd.runtime.v2.task/default/" + id;
}

std::string private_containerd::log_since(std::size_t position) {
  const auto text = flow::read_file(directory() + "/containerd.log");
  return text && text.value().size() > position ? text.value().substr(position) : std::string();
}

void private_containerd::remove_all() {
  for (const auto& id : lines(e2e::ctr({"tasks", "ls", "-q"}).out)) {
    e2e::ctr({"tasks", "rm", "--force", id});
  }
  for (const auto& id : lines(e2e::ctr({"containers", "ls", "-q"}).out)) {
    e2e::ctr({"containers", "rm", id});
  }
}

run_result ctr(std::vector<std::string> arguments, const run_options& options) {
  return run(private_containerd::ctr(std::move(arguments)), options);
}

run_result ctr_run(std::vector<std::string> flags, const std::string& id,
                   std::vector<std::string> command, const run_options& options) {
  return run(private_containerd::ctr_run(std::move(flags), id, std::move(command)), options);
}

}  // namespace e2e
