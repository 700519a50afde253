// A call to the agent: its deadline, and the error for the client if it fails.
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
  // `what` names the call in the error: "start container c1". `by` is the call from containerd on
  // whose behalf it is made; `by`'s own deadline applies if it is earlier than `limit`.
  agent_call(std::chrono::seconds limit, std::string what);
  agent_call(std::chrono::seconds limit, std::string what, const ttrpc::call_context& by);

  ttrpc::call_options options() const { return ttrpc::call_options(limit_); }

  // The error for containerd. If the guest has not answered, the error says so, with code
  // deadline_exceeded; any other error is the agent's own.
  flow::error failed(const flow::error& e) const;

 private:
  std::chrono::nanoseconds limit_;
  std::string what_;
};

// The guest has not answered in time: it is not known whether it did what was asked.
bool outcome_is_unknown(const flow::error& e) noexcept;

}  // namespace shim
