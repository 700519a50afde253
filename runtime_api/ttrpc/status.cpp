#include "runtime_api/ttrpc/status.hpp"

#include <boost/asio/error.hpp>
#include <cerrno>

#include "google/rpc/status.pb.h"
#include "runtime_api/ttrpc/limits.hpp"
#include "runtime_api/ttrpc/utf8.hpp"

namespace ttrpc {
namespace {

class status_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "ttrpc"; }

  std::string message(int value) const override {
    switch (static_cast<code>(value)) {
      case code::cancelled:
        return "cancelled";
      case code::unknown:
        return "unknown";
      case code::invalid_argument:
        return "invalid argument";
      case code::deadline_exceeded:
        return "deadline exceeded";
      case code::not_found:
        return "not found";
      case code::already_exists:
        return "already exists";
      case code::permission_denied:
        return "permission denied";
      case code::resource_exhausted:
        return "resource exhausted";
      case code::failed_precondition:
        return "failed precondition";
      case code::aborted:
        return "aborted";
      case code::out_of_range:
        return "out of range";
      case code::unimplemented:
        return "not implemented";
      case code::internal:
        return "internal";
      case code::unavailable:
        return "unavailable";
      case code::data_loss:
        return "data loss";
      case code::unauthenticated:
        return "unauthenticated";
    }
    return "unknown";
  }
};

code of_flow(flow::errc e) noexcept {
  switch (e) {
    case flow::errc::timed_out:
      return code::deadline_exceeded;
    case flow::errc::aborted:
      return code::cancelled;
    case flow::errc::protocol:
      return code::internal;
    case flow::errc::frame_too_large:
      return code::resource_exhausted;
    case flow::errc::invalid_argument:
      return code::invalid_argument;
    case flow::errc::unsupported:
      return code::unimplemented;
    case flow::errc::truncated:
    case flow::errc::reset:
    case flow::errc::closed:
    case flow::errc::unavailable:
      return code::unavailable;
  }
  return code::unknown;
}

code of_errno(int e) noexcept {
  switch (e) {
    case ENOENT:
    case ESRCH:
      return code::not_found;
    case EEXIST:
      return code::already_exists;
    case EPERM:
    case EACCES:
    case EROFS:
      return code::permission_denied;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
      return code::invalid_argument;
    case EBUSY:
    case ENOTEMPTY:
    case ETXTBSY:
      return code::failed_precondition;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case E2BIG:
      return code::resource_exhausted;
    case ENOSYS:
    case EOPNOTSUPP:
      return code::unimplemented;
    case ETIMEDOUT:
      return code::deadline_exceeded;
    case ECANCELED:
      return code::cancelled;
    case ERANGE:
    case EDOM:
      return code::out_of_range;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case EPIPE:
    case ESHUTDOWN:
      return code::unavailable;
    default:
      return code::unknown;
  }
}

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const status_category category;
  return category;
}

flow::error_code make_error_code(code c) noexcept {
  return {static_cast<int>(c), error_category()};
}

code code_of(const flow::error_code& ec) noexcept {
  if (ec.category() == error_category()) {
    return static_cast<code>(ec.value());
  }
  if (ec.category() == flow::error_category()) {
    return of_flow(static_cast<flow::errc>(ec.value()));
  }
  if (ec.category() == boost::system::system_category() ||
      ec.category() == boost::system::generic_category()) {
    return of_errno(ec.value());
  }
  return ec == boost::asio::error::eof ? code::unavailable : code::unknown;
}

google::rpc::Status to_status(const flow::error& e) {
  const bool named = e.code().category() == error_category() && !e.context().empty();
  google::rpc::Status status;
  status.set_code(static_cast<int>(code_of(e.code())));
  status.set_message(to_utf8(named ? e.context() : e.message(), max_status_message));
  return status;
}

flow::error from_status(const google::rpc::Status& status) {
  const bool known = status.code() >= static_cast<int>(code::cancelled) &&
                     status.code() <= static_cast<int>(code::unauthenticated);
  const flow::error_code ec = known ? static_cast<code>(status.code()) : code::unknown;
  std::string context = status.message();
  if (const std::string suffix = ": " + ec.message(); context.ends_with(suffix)) {
    context.resize(context.size() - suffix.size());
  } else if (context == ec.message()) {
    context.clear();
  }
  return {ec, std::move(context)};
}

}  // namespace ttrpc
