// hvsock-test-logger out PREFIX [mode MODE]
//
// Logs, as containerd's contract demands (see shim/io/logger.hpp), to PREFIX.out and PREFIX.err,
// and its arguments and environment to PREFIX.start. MODE is a way to misbehave:
//
//   slow       reads a little at a time, with pauses
//   stalled    reads nothing until the file PREFIX.go exists
//   dies       exits with 7 after the first read
//   silent     closes the ready pipe without writing to it
//   mute       keeps the ready pipe open without writing to it
//   deaf       ignores SIGTERM; writes PREFIX.end after it has read everything
//   stubborn   ignores SIGTERM and never ends
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <map>
#include <string>
#include <thread>

#include "flow/system/file.hpp"
#include "flow/unique_fd.hpp"

namespace {

constexpr int ready_descriptor = 5;

struct log_stream {
  int from;
  flow::unique_fd to;
  bool ended = false;
};

void rest() {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// Returns false at the end of the stream.
bool copy_some(log_stream& stream, std::size_t most) {
  std::array<char, 65536> buffer{};
  const auto n = ::read(stream.from, buffer.data(), std::min(most, buffer.size()));
  if (n <= 0) {
    return false;
  }
  return ::write(stream.to.get(), buffer.data(), static_cast<std::size_t>(n)) == n;
}

std::string describe_start(int argc, char** argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) {
    text += std::string(argv[i]) + "\n";
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    text += std::string(*entry) + "\n";
  }
  return text;
}

flow::unique_fd create(const std::string& path) {
  return flow::unique_fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
}

void say_ready(const std::string& mode) {
  if (mode == "mute") {
    return;
  }
  if (mode != "silent" && ::write(ready_descriptor, "r", 1) != 1) {
    ::_exit(3);
  }
  ::close(ready_descriptor);
}

int log(const std::string& prefix, const std::string& mode) {
  std::array streams{log_stream{3, create(prefix + ".out")},
                     log_stream{4, create(prefix + ".err")}};
  while (mode == "stalled" && ::access((prefix + ".go").c_str(), F_OK) != 0) {
    rest();
  }
  while (!streams[0].ended || !streams[1].ended) {
    std::array<pollfd, 2> waiting{};
    for (std::size_t i = 0; i < streams.size(); ++i) {
      waiting.at(i) = {streams.at(i).ended ? -1 : streams.at(i).from, POLLIN, 0};
    }
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (waiting.at(i).revents != 0) {
        streams.at(i).ended = !copy_some(streams.at(i), mode == "slow" ? 4096 : 65536);
        if (mode == "dies") {
          return 7;
        }
        if (mode == "slow") {
          rest();
        }
      }
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < argc; i += 2) {
    options[argv[i]] = argv[i + 1];
  }
  const auto& prefix = options["out"];
  const auto& mode = options["mode"];
  if (prefix.empty()) {
    return 2;
  }
  if (mode == "deaf" || mode == "stubborn") {
    ::signal(SIGTERM, SIG_IGN);
  }
  if (!flow::write_file(prefix + ".start", describe_start(argc, argv))) {
    return 2;
  }
  say_ready(mode);
  const int status = log(prefix, mode);
  if (mode == "deaf" && !flow::write_file(prefix + ".end", "all read\n")) {
    return 2;
  }
  while (mode == "stubborn") {
    ::pause();
  }
  return status;
}
