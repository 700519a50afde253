// A call to the agent: how long it may take, and what a client is told when it fails.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "flow/error.hpp"
#include "runtime_api/ttrpc/call_context.hpp"
#include "runtime_api/ttrpc/client.hpp"

namespace shim {

class agent_call {
 public:
  // `what` is for the error: "start container c1". On behalf of `by`, whose own deadline counts if
  // it comes before `limit`.
  agent_call(std::chrono::seconds limit, std::string what);
  agent_call(std::chrono::seconds limit, std::string what, const ttrpc::call_context& by);

  ttrpc::call_options options() const { return ttrpc::call_options(limit_); }

  // What containerd is answered. A guest that has not answered is named as the cause, with code
  // deadline_exceeded; any other error is the agent's own.
  flow::error failed(const flow::error& e) const;

 private:
  std::chrono::nanoseconds limit_;
  std::string what_;
};

// The guest has not answered in time: whether it did what was asked is not known.
bool outcome_is_unknown(const flow::error& e) noexcept;

}  // namespace shim
