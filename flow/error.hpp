// Errors are values: an error code and the context it happened in.
//
// Every fallible function returns `result<T>`; a coroutine returns `awaitable<result<T>>`.
// Contexts are prepended, outermost first: "start task: dial agent: connection refused". Messages
// are lower case, have no final period, and name the path or ID concerned.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace flow {

using error_code = boost::system::error_code;

// How an operation on a stream or transport can fail. The clean end of a stream is not one of them:
// it is boost::asio::error::eof, which Asio and Beast understand.
enum class errc {
  truncated = 1,     // the transport ended without ShutdownWrite or Close, or inside a frame
  reset,             // the transport was reset by the peer
  timed_out,         // a deadline expired
  aborted,           // cancelled or closed at this end
  protocol,          // the peer violated the protocol
  frame_too_large,   // the peer announced a frame longer than the agreed maximum
  closed,            // no more writing: shut down or closed at this end, or the peer does not read
  invalid_argument,  // the caller's input is invalid
  unsupported,       // valid, but not available here
  unavailable,       // not available now
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

  // The contexts without the text of the code; empty if there are none.
  const std::string& context() const noexcept { return context_; }

  // "context: text of the code", or just one of them if the other is missing.
  std::string message() const;

  // Prepends `where` to the context.
  error in(std::string_view where) &&;

 private:
  error_code code_;
  std::string context_;
};

// The error of the last failed system call; `what` names the operation ("open /dev/kvm").
error system_error(std::string what);
error system_error(int errno_value, std::string what);

// Calling boost::system::result<T>::value() on an error is a bug at the call site; it throws.
[[noreturn]] void throw_exception_from_error(const error& e, const boost::source_location& where);

template <class T = void>
using result = boost::system::result<T, error>;

}  // namespace flow

template <>
struct boost::system::is_error_code_enum<flow::errc> : std::true_type {};
