#include "tests/bench/raw_socket.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace bench {

raw_socket::raw_socket(flow::unique_fd fd, waiting how)
    : fd_(std::move(fd)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      flags_(MSG_NOSIGNAL | (how == waiting::in_epoll ? MSG_DONTWAIT : 0)),
      waits_for_(EPOLLIN) {
  epoll_event e{};
  e.events = waits_for_;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd_.get(), &e);
}

void raw_socket::wait(unsigned events) {
  epoll_event e{};
  e.events = events;
  if (events != waits_for_) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd_.get(), &e);
    waits_for_ = events;
  }
  ::epoll_wait(epoll_.get(), &e, 1, -1);
}

bool raw_socket::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), flags_);
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      wait(EPOLLOUT);
    } else {
      return false;
    }
  }
  return true;
}

// With epoll, a reader that expects to wait does so first: that saves a failing call.
std::size_t raw_socket::read_some(std::span<std::byte> to) {
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), to.data(), to.size(), flags_);
    if (n >= 0) {
      return static_cast<std::size_t>(n);
    }
    if (errno != EAGAIN) {
      return 0;
    }
    wait(EPOLLIN);
  }
}

bool raw_socket::read_all(std::span<std::byte> to) {
  while (!to.empty()) {
    const std::size_t n = read_some(to);
    if (n == 0) {
      return false;
    }
    to = to.subspan(n);
  }
  return true;
}

}  // namespace bench
