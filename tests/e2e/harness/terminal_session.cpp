#include "tests/e2e/harness/terminal_session.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>

namespace e2e {

namespace {

winsize size_of(unsigned short rows, unsigned short columns) {
  winsize size{};
  size.ws_row = rows;
  size.ws_col = columns;
  return size;
}

constexpr auto patience = std::chrono::seconds(60);

}  // namespace

terminal_session::terminal_session(std::vector<std::string> argv, unsigned short rows,
                                   unsigned short columns) {
  const auto size = size_of(rows, columns);
  pid_ = ::forkpty(&fd_, nullptr, nullptr, &size);
  if (pid_ == 0) {
    // The test's own terminal is transparent, so any carriage returns come from the
    // container's terminal.
    termios settings{};
    ::tcgetattr(STDIN_FILENO, &settings);
    settings.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &settings);
    std::vector<char*> pointers;
    for (auto& word : argv) {
      pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    ::execvp(pointers.front(), pointers.data());
    ::_exit(127);
  }
}

terminal_session::~terminal_session() {
  if (!ended_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(fd_);
}

void terminal_session::type(const std::string& text) const {
  EXPECT_EQ(::write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

void terminal_session::resize(unsigned short rows, unsigned short columns) const {
  const auto size = size_of(rows, columns);
  EXPECT_EQ(::ioctl(fd_, TIOCSWINSZ, &size), 0);
}

bool terminal_session::read_until(const std::string& until) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (screen_.find(until) == std::string::npos && std::chrono::steady_clock::now() < limit) {
    if (!read_some()) {
      break;
    }
  }
  return screen_.find(until) != std::string::npos;
}

int terminal_session::finish() {
  bool more = true;
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (more && std::chrono::steady_clock::now() < limit) {
    more = read_some();
  }
  if (more) {
    ADD_FAILURE() << "the program does not end; its screen: " << screen_;
    ::kill(pid_, SIGKILL);
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Returns false at the end of the terminal.
bool terminal_session::read_some() {
  pollfd p{fd_, POLLIN, 0};
  if (::poll(&p, 1, 100) == 0) {
    return true;
  }
  std::array<char, 4096> buffer{};
  const auto n = ::read(fd_, buffer.data(), buffer.size());
  if (n <= 0) {
    return false;
  }
  screen_.append(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

}  // namespace e2e
