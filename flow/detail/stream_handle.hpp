// Declarations that stream.hpp and stream_core.hpp share: a counted pointer to a core that is not
// yet defined, the operations that a stream's templates start on it, and their types.
#pragma once

#include <array>
#include <boost/asio/append.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/transport.hpp"
#include "flow/unique_handler.hpp"

namespace flow::detail {

class stream_core;
void intrusive_ptr_add_ref(stream_core* core) noexcept;
void intrusive_ptr_release(stream_core* core) noexcept;
using core_ptr = boost::intrusive_ptr<stream_core>;

// Called on the stream's executor.
using io_handler = unique_handler<void(error_code, std::size_t)>;

// Carries a completion from the stream's executor to the handler's own.
template <class Handler>
struct rebound_handler {
  void operator()(error_code ec, std::size_t n) {
    asio::dispatch(executor, asio::append(std::move(handler), ec, n));
  }

  Handler handler;
  asio::any_io_executor executor;  // the stream's, for handlers that have none
};

// How many buffers of one write are taken at once, as asio::async_write passes them.
inline constexpr std::size_t max_write_buffers = 16;

struct write_buffers {
  std::array<iovec, max_write_buffers> data;
  std::size_t count = 0;
};

// sendmsg(2) does not write to what an iovec points to.
inline iovec to_iovec(asio::const_buffer b) noexcept {
  return {const_cast<void*>(b.data()), b.size()};
}

const asio::any_io_executor& executor_of(const stream_core& core) noexcept;
void start_read(const core_ptr& core, asio::mutable_buffer buffer, io_handler handler);
void start_write(const core_ptr& core, const write_buffers& buffers, io_handler handler);

}  // namespace flow::detail
