#include "tests/e2e/harness/command.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <vector>

#include "flow/system/spawn.hpp"

namespace e2e {

using flow::unique_fd;
using std::chrono::milliseconds;
using std::chrono::seconds;
using clock = std::chrono::steady_clock;

namespace {

struct pipe_ends {
  unique_fd read;
  unique_fd write;
};

pipe_ends make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {unique_fd(ends[0]), unique_fd(ends[1])};
}

void set_non_blocking(const unique_fd& fd) {
  ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
}

milliseconds left_until(clock::time_point limit) {
  const auto left = std::chrono::duration_cast<milliseconds>(limit - clock::now());
  return std::clamp(left, milliseconds(0), milliseconds(100));
}

}  // namespace

void pause_briefly() {
  ::usleep(10000);
}

running_command::running_command(std::vector<std::string> argv, std::string directory) {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  flow::command c;
  c.argv = std::move(argv);
  c.directory = std::move(directory);
  c.dies_with_parent = true;
  c.descriptors = {{in.read.get(), 0}, {out.write.get(), 1}, {err.write.get(), 2}};
  const auto pid = flow::spawn(c);
  if (!pid) {
    ADD_FAILURE() << pid.error().message();
    return;
  }
  pid_ = pid.value();
  in_ = std::move(in.write);
  out_end_ = std::move(out.read);
  err_end_ = std::move(err.read);
  for (const auto* fd : {&in_, &out_end_, &err_end_}) {
    set_non_blocking(*fd);
  }
}

running_command::~running_command() {
  if (pid_ < 0 || status_) {
    return;
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void running_command::kill(int signal) const {
  ::kill(pid_, signal);
}

void running_command::read_into(unique_fd& from, std::string& to) {
  std::vector<char> buffer(65536);
  const auto n = ::read(from.get(), buffer.data(), buffer.size());
  if (n > 0) {
    to.append(buffer.data(), static_cast<std::size_t>(n));
  }
  if (n == 0) {
    from.reset();
  }
}

bool running_command::move(milliseconds wait, bool read_stdout) {
  const bool sending = in_ && !unsent_.empty();
  std::array<pollfd, 3> polled{pollfd{sending ? in_.get() : -1, POLLOUT, 0},
                               pollfd{read_stdout ? out_end_.get() : -1, POLLIN, 0},
                               pollfd{err_end_.get(), POLLIN, 0}};
  ::poll(polled.data(), polled.size(), static_cast<int>(wait.count()));
  if (polled[0].revents != 0) {
    const auto n = ::write(in_.get(), unsent_.data(), unsent_.size());
    if (n > 0) {
      unsent_.erase(0, static_cast<std::size_t>(n));
    }
    if (n < 0 && errno != EAGAIN) {
      unsent_.clear();
      in_.reset();
    }
  }
  if (close_when_sent_ && unsent_.empty()) {
    in_.reset();
  }
  if (polled[1].revents != 0) {
    read_into(out_end_, out_);
  }
  if (polled[2].revents != 0) {
    read_into(err_end_, err_);
  }
  return out_end_ || err_end_;
}

bool running_command::write(const std::string& text) {
  unsent_ += text;
  while (!unsent_.empty() && in_) {
    move(milliseconds(100), true);
  }
  return static_cast<bool>(in_);
}

bool running_command::read_until_end(seconds timeout) {
  const auto limit = clock::now() + timeout;
  while (out_end_ && clock::now() < limit) {
    move(left_until(limit), true);
  }
  return !out_end_;
}

bool running_command::read_until(const std::string& until, seconds timeout) {
  const auto limit = clock::now() + timeout;
  while (out_.find(until) == std::string::npos) {
    if (!out_end_ || clock::now() >= limit) {
      return false;
    }
    move(left_until(limit), true);
  }
  return true;
}

bool running_command::read_errors_until(const std::string& until, seconds timeout) {
  const auto limit = clock::now() + timeout;
  while (err_.find(until) == std::string::npos) {
    if (!err_end_ || clock::now() >= limit) {
      return false;
    }
    move(left_until(limit), false);
  }
  return true;
}

int running_command::wait(seconds timeout) {
  int status = 0;
  const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, timeout);
  if (!ended) {
    return -1;
  }
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return *status_;
}

run_result running_command::finish(seconds timeout) {
  const auto limit = clock::now() + timeout;
  while (move(left_until(limit), true) && clock::now() < limit) {
  }
  const int status = wait(timeout);
  return {status, out_, err_};
}

run_result run(std::vector<std::string> argv, const run_options& options) {
  const std::string program = argv.front();
  running_command command(std::move(argv), options.directory);
  command.unsent_ = options.input;
  command.close_when_sent_ = true;
  const auto begin = clock::now();
  const auto limit = begin + options.timeout;
  while (clock::now() < limit) {
    const bool reading = clock::now() - begin >= options.stall;
    if (!command.move(milliseconds(20), reading)) {
      break;
    }
  }
  run_result result = command.finish(std::chrono::seconds(5));
  if (result.status < 0) {
    ADD_FAILURE() << program << " did not end in time: " << result.err;
  }
  return result;
}

}  // namespace e2e
