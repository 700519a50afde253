#include "flow/error.hpp"

#include <cerrno>
#include <stdexcept>

namespace flow {
namespace {

class flow_error_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "flow"; }

  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::truncated:
        return "stream truncated";
      case errc::reset:
        return "connection reset by peer";
      case errc::timed_out:
        return "timed out";
      case errc::aborted:
        return "operation aborted";
      case errc::protocol:
        return "protocol error";
      case errc::frame_too_large:
        return "frame too large";
      case errc::closed:
        return "stream closed for writing";
      case errc::invalid_argument:
        return "invalid argument";
      case errc::unsupported:
        return "not supported";
      case errc::unavailable:
        return "not available";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const flow_error_category category;
  return category;
}

error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

std::string error::message() const {
  if (!code_) {
    return context_;
  }
  if (context_.empty()) {
    return code_.message();
  }
  return context_ + ": " + code_.message();
}

error error::in(std::string_view where) && {
  std::string context(where);
  if (!context_.empty()) {
    context += ": ";
    context += context_;
  }
  return {code_, std::move(context)};
}

error system_error(std::string what) {
  return system_error(errno, std::move(what));
}

error system_error(int errno_value, std::string what) {
  return {error_code(errno_value, boost::system::system_category()), std::move(what)};
}

void throw_exception_from_error(const error& e, const boost::source_location& /*where*/) {
  throw std::runtime_error(e.message());
}

}  // namespace flow
