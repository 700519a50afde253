#include "flow/tools/shared_descriptor.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow::tools {

shared_descriptor::shared_descriptor(const asio::any_io_executor& executor, int fd, use u)
    : fd_(fd), use_(u), readiness_(executor) {
  unique_fd instance(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event interest{};
  interest.events = use_ == use::read ? EPOLLIN : EPOLLOUT;
  // epoll refuses a regular file, which never blocks. Any other failure shows in the read or write.
  if (::epoll_ctl(instance.get(), EPOLL_CTL_ADD, fd_, &interest) != 0) {
    never_blocks_ = true;
    return;
  }
  error_code ec;
  readiness_.assign(instance.get(), ec);
  if (ec) {
    never_blocks_ = true;
    return;
  }
  instance.release();
}

bool shared_descriptor::ready() const noexcept {
  if (never_blocks_) {
    return true;
  }
  pollfd p{fd_, static_cast<short>(use_ == use::read ? POLLIN : POLLOUT), 0};
  return ::poll(&p, 1, 0) == 1;
}

awaitable<void> shared_descriptor::wait() {
  co_await readiness_.async_wait(asio::posix::descriptor_base::wait_read, as_result);
}

void shared_descriptor::cancel() noexcept {
  error_code ignored;
  readiness_.cancel(ignored);
}

}  // namespace flow::tools
