#include "tests/unit/flow_tools/tool.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "flow/system/spawn.hpp"

namespace tests {
namespace {

constexpr int patience_ms = 60'000;
constexpr auto retry_interval = std::chrono::milliseconds(5);

std::pair<flow::unique_fd, flow::unique_fd> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe");
  }
  return {flow::unique_fd(fds[0]), flow::unique_fd(fds[1])};
}

void wait_for(int fd, short events) {
  pollfd p{fd, events, 0};
  if (::poll(&p, 1, patience_ms) != 1) {
    throw std::runtime_error("the tool is silent");
  }
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  path.copy(a.sun_path, sizeof(a.sun_path) - 1);
  return a;
}

}  // namespace

tool::tool(const std::string& program, std::vector<std::string> arguments, const files& f) {
  std::signal(SIGPIPE, SIG_IGN);
  auto [input_read, input_write] = make_pipe();
  auto [output_read, output_write] = make_pipe();
  auto [errors_read, errors_write] = make_pipe();
  flow::command c;
  c.argv = {program};
  c.argv.insert(c.argv.end(), arguments.begin(), arguments.end());
  c.descriptors = {{f.input >= 0 ? f.input : input_read.get(), STDIN_FILENO},
                   {f.output >= 0 ? f.output : output_write.get(), STDOUT_FILENO},
                   {f.errors >= 0 ? f.errors : errors_write.get(), STDERR_FILENO}};
  for (const int fd : f.inherited) {
    c.descriptors.push_back({fd, fd});
  }
  c.dies_with_parent = true;
  const auto pid = flow::spawn(c);
  if (!pid) {
    throw std::runtime_error(pid.error().message());
  }
  pid_ = *pid;
  input_ = std::move(input_write);
  output_ = std::move(output_read);
  errors_ = std::move(errors_read);
}

tool::~tool() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    wait();
  }
}

void tool::send(const std::string& text) {
  write_all(input_.get(), text);
}

std::string tool::send_through(const std::string& text, tool& other) {
  ::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
  std::size_t sent = 0;
  std::array<char, 65536> part{};
  for (;;) {
    std::array<pollfd, 2> both{{{other.output_.get(), POLLIN, 0}, {input_.get(), POLLOUT, 0}}};
    if (::poll(both.data(), input_ ? 2 : 1, patience_ms) < 1) {
      throw std::runtime_error("the tools are silent");
    }
    if (both[1].revents != 0) {
      const auto n = ::write(input_.get(), text.data() + sent, text.size() - sent);
      sent += n > 0 ? static_cast<std::size_t>(n) : 0;
      if (n < 0 || sent == text.size()) {
        input_.reset();
      }
    }
    if (both[0].revents != 0) {
      const auto n = ::read(other.output_.get(), part.data(), part.size());
      if (n <= 0) {
        return other.output_text_;
      }
      other.output_text_.append(part.data(), static_cast<std::size_t>(n));
    }
  }
}

std::string tool::output_until(const std::string& text) {
  return read_until(output_.get(), text, output_text_);
}

std::string tool::output() {
  return read_until(output_.get(), {}, output_text_);
}

std::string tool::errors_until(const std::string& text) {
  return read_until(errors_.get(), text, errors_text_);
}

std::string tool::errors() {
  return read_until(errors_.get(), {}, errors_text_);
}

void tool::signal(int number) const {
  EXPECT_EQ(::kill(pid_, number), 0);
}

int tool::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

outcome run_tool(const std::string& program, std::vector<std::string> arguments,
                 const std::string& input) {
  tool t(program, std::move(arguments));
  auto output = t.send_through(input, t);
  auto errors = t.errors();
  return {t.wait(), std::move(output), std::move(errors)};
}

std::string read_until(int fd, const std::string& text, std::string& so_far) {
  std::array<char, 65536> part{};
  while (text.empty() || so_far.find(text) == std::string::npos) {
    wait_for(fd, POLLIN);
    const auto n = ::read(fd, part.data(), part.size());
    if (n <= 0) {
      EXPECT_TRUE(text.empty()) << "no \"" << text << "\" in: " << so_far;
      break;
    }
    so_far.append(part.data(), static_cast<std::size_t>(n));
  }
  return so_far;
}

flow::unique_fd listen_at(const std::string& path) {
  flow::unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto a = address_of(path);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof(a)), 0);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

flow::unique_fd accept_from(const flow::unique_fd& listener) {
  wait_for(listener.get(), POLLIN);
  return flow::unique_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

flow::unique_fd connect_to(const std::string& path) {
  const auto a = address_of(path);
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  while (std::chrono::steady_clock::now() < limit) {
    flow::unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof(a)) == 0) {
      return fd;
    }
    std::this_thread::sleep_for(retry_interval);
  }
  throw std::runtime_error("nobody listens at " + path);
}

void write_all(int fd, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto n = ::write(fd, text.data() + sent, text.size() - sent);
    if (n < 0) {
      return;  // the tool has exited: see its status
    }
    sent += static_cast<std::size_t>(n);
  }
}

}  // namespace tests
