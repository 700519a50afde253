// The status codes of ttrpc, and the one place where errors are converted to statuses and back.
//
// Other code names the code it means and needs nothing else of ttrpc:
//
//   co_return flow::error(ttrpc::code::not_found, "process does not exist e1");
//
// Any other error is sent, too, with the nearest code (the table is in ../PROTOCOL.md). The errors
// of the system or of flow are often not the right ones for the caller ("no such file" about a
// kernel image is not "no such container"), so name a code wherever it matters.
#pragma once

#include <boost/system/error_code.hpp>
#include <string>

#include "flow/error.hpp"

namespace google::rpc {
class Status;  // NOLINT(readability-identifier-naming): protobuf's
}

namespace ttrpc {

// The numbers are those of gRPC.
enum class code {
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

// The texts of the codes are those of containerd's errors: "not found".
const boost::system::error_category& error_category() noexcept;
flow::error_code make_error_code(code c) noexcept;

// The code for sending `ec`; unknown if none fits. `ec` must be an error.
code code_of(const flow::error_code& ec) noexcept;

// The message is the context without the code's text, which every client adds itself; valid UTF-8
// and bounded, whatever the context contains.
google::rpc::Status to_status(const flow::error& e);

// `status` must not be OK. A code without a name here becomes unknown. The message becomes the
// context, without the code's text if a server repeated it.
flow::error from_status(const google::rpc::Status& status);

}  // namespace ttrpc

template <>
struct boost::system::is_error_code_enum<ttrpc::code> : std::true_type {};
