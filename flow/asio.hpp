// The parts of Asio that this project's interfaces use, and the one completion token for its
// coroutines. Include this instead of <boost/asio.hpp>, which takes a second longer to compile.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace flow {

namespace asio = boost::asio;
using asio::awaitable;

// `const auto r = co_await op(..., as_result); const auto& [ec, n] = r;`
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

}  // namespace flow
