#include "tests/unit/device/vsockd_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <csignal>
#include <stdexcept>

#include "flow/device/uplink.hpp"
#include "tests/unit/device/device_fixture.hpp"

namespace tests {
namespace {

// Numbers of the descriptors in the child.
constexpr int child_vhost = 10;
constexpr int child_uplink = 11;

struct child_setup {
  std::vector<std::string> arguments;
  int vhost = -1;
  int uplink = -1;
  std::function<void()> before;
};

// Returns the child's ID and the reading end of its standard error.
std::pair<pid_t, flow::unique_fd> spawn(const child_setup& setup) {
  std::array<int, 2> log{};
  if (::pipe2(log.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe");
  }
  flow::unique_fd read_end(log[0]);
  const flow::unique_fd write_end(log[1]);
  std::vector<char*> arguments{const_cast<char*>("hvsock-vsockd")};
  for (const auto& a : setup.arguments) {
    arguments.push_back(const_cast<char*>(a.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) {
    throw std::runtime_error("fork");
  }
  if (pid == 0) {
    ::dup2(write_end.get(), STDERR_FILENO);
    // First moves them out of each other's way.
    const int vhost = ::fcntl(setup.vhost, F_DUPFD_CLOEXEC, 100);
    const int uplink = ::fcntl(setup.uplink, F_DUPFD_CLOEXEC, 100);
    ::dup2(vhost, child_vhost);
    ::dup2(uplink, child_uplink);
    if (setup.before) {
      setup.before();
    }
    ::execv(VSOCKD_PATH, arguments.data());
    ::_exit(127);
  }
  return {pid, std::move(read_end)};
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const auto n = ::read(fd, part.data(), part.size());
    if (n <= 0) {
      return text;
    }
    text.append(part.data(), static_cast<std::size_t>(n));
  }
}

int exit_status(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

vsockd_process::vsockd_process(const options& o) : turn_([this] { wait_for_news(); }) {
  auto vhost = socket_pair();
  auto uplink = socket_pair(SOCK_SEQPACKET);
  child_setup setup;
  setup.arguments = {"--vhost-fd", std::to_string(child_vhost), "--guest-cid", "42", "--log-level",
                     "debug"};
  setup.vhost = vhost[1].get();
  setup.before = o.in_child;
  if (o.hybrid.empty()) {
    setup.uplink = uplink[1].get();
    setup.arguments.insert(setup.arguments.end(), {"--uplink-fd", std::to_string(child_uplink)});
    uplink_ = std::move(uplink[0]);
  } else {
    setup.arguments.insert(setup.arguments.end(), {"--hybrid", o.hybrid});
  }
  if (o.unconfined) {
    setup.arguments.emplace_back("--unconfined");
  }
  std::tie(pid_, log_) = spawn(setup);
  guest_ = std::make_unique<fake_guest>(std::move(vhost[0]), [this] { turn_(); });
  kernel_ = std::make_unique<guest_kernel>(*guest_);
}

vsockd_process::~vsockd_process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    exit_status(pid_);
  }
}

void vsockd_process::wait_for_news() {
  std::array<pollfd, 4> news{{{guest_->front().fd(), POLLIN, 0},
                              {guest_->receive_ring().call_fd(), POLLIN, 0},
                              {guest_->transmit_ring().call_fd(), POLLIN, 0},
                              {uplink_.get(), POLLIN, 0}}};
  ::poll(news.data(), news.size(), 10);
  guest_->receive_ring().take_calls();
  guest_->transmit_ring().take_calls();
}

flow::unique_fd vsockd_process::take_connection() {
  auto got = flow::device::receive_connection(uplink_.get());
  if (!got) {
    throw std::runtime_error("no connection: " + got.error().message());
  }
  return std::move(got->socket);
}

int vsockd_process::wait() {
  const int status = exit_status(std::exchange(pid_, -1));
  log_text_ += read_to_end(log_.get());
  return status;
}

std::string vsockd_process::log() {
  ::fcntl(log_.get(), F_SETFL, O_NONBLOCK);
  log_text_ += read_to_end(log_.get());
  return log_text_;
}

run_outcome run_vsockd(const std::vector<std::string>& arguments) {
  const auto [pid, log] = spawn({arguments, -1, -1, {}});
  auto text = read_to_end(log.get());
  return {exit_status(pid), std::move(text)};
}

}  // namespace tests
