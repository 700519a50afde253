// Errors are values: an error code and the context it happened in.
//
// `result<T>` is what every fallible function returns, `awaitable<result<T>>` if it is a coroutine.
// Contexts are written outward, innermost last: "start task: dial agent: connection refused".
// Messages are lower case, have no final period, and carry the path or id they speak of.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace flow {

using error_code = boost::system::error_code;

// How an operation on a stream or transport can fail. The clean end of a stream is not among them:
// it is boost::asio::error::eof, so that Asio and Beast understand it.
enum class errc {
  truncated = 1,     // the transport ended without ShutdownWrite or Close, or inside a frame
  reset,             // the transport was reset by the peer
  timed_out,         // a deadline passed
  aborted,           // cancelled or closed at this end
  protocol,          // the peer sent what the protocol does not allow
  frame_too_large,   // the peer announced a frame above the agreed cap
  closed,            // writing is over: locally shut down or closed, or the peer will not read
  invalid_argument,  // the caller's input is not acceptable
  unsupported,       // valid, but not available here
  unavailable,       // what was asked for is not there now
};

const boost::system::error_category& error_category() noexcept;
error_code make_error_code(errc e) noexcept;

class [[nodiscard]] error {
 public:
  error() = default;
  error(error_code code) : code_(code) {}             // NOLINT(google-explicit-constructor)
  error(errc code) : code_(make_error_code(code)) {}  // NOLINT(google-explicit-constructor)
  error(error_code code, std::string context) : code_(code), context_(std::move(context)) {}
  error(errc code, std::string context)
      : code_(make_error_code(code)), context_(std::move(context)) {}

  const error_code& code() const noexcept { return code_; }

  // The contexts without the code's own text; empty if none was given.
  const std::string& context() const noexcept { return context_; }

  // "context: text of the code", or whichever of the two exists.
  std::string message() const;

  // Puts `where` in front of the context.
  error in(std::string_view where) &&;

 private:
  error_code code_;
  std::string context_;
};

// The error of the last failed system call, which `what` names ("open /dev/kvm").
error system_error(std::string what);
error system_error(int errno_value, std::string what);

// boost::system::result<T>::value() on an error is a bug at the call site; it throws.
[[noreturn]] void throw_exception_from_error(const error& e, const boost::source_location& where);

template <class T = void>
using result = boost::system::result<T, error>;

}  // namespace flow

template <>
struct boost::system::is_error_code_enum<flow::errc> : std::true_type {};
