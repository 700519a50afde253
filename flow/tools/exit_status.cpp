#include "flow/tools/exit_status.hpp"

#include "flow/asio.hpp"

namespace flow::tools {

exit_status status_of(const error_code& ec) noexcept {
  if (!ec || ec == asio::error::eof) {
    return exit_status::done;
  }
  if (ec == errc::truncated) {
    return exit_status::truncated;
  }
  if (ec == errc::reset) {
    return exit_status::reset;
  }
  if (ec == errc::timed_out) {
    return exit_status::timed_out;
  }
  if (ec == errc::protocol || ec == errc::frame_too_large) {
    return exit_status::protocol;
  }
  if (ec == errc::closed) {
    return exit_status::unread;
  }
  return exit_status::failure;
}

}  // namespace flow::tools
