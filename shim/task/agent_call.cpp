#include "shim/task/agent_call.hpp"

#include <algorithm>

#include "runtime_api/ttrpc/status.hpp"

namespace shim {

using flow::error;
using namespace std::chrono_literals;
using ttrpc::code;

agent_call::agent_call(std::chrono::seconds limit, std::string what)
    : limit_(limit), what_(std::move(what)) {}

agent_call::agent_call(std::chrono::seconds limit, std::string what, const ttrpc::call_context& by)
    : agent_call(limit, std::move(what)) {
  if (const auto& deadline = by.deadline(); deadline) {
    const auto left = *deadline - std::chrono::steady_clock::now();
    limit_ = std::clamp<std::chrono::nanoseconds>(left, 1ns, limit_);
  }
}

error agent_call::failed(const error& e) const {
  if (!outcome_is_unknown(e)) {
    return e;
  }
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit_).count();
  return {code::deadline_exceeded,
          what_ + ": the guest did not answer within " + std::to_string(milliseconds) + " ms"};
}

bool outcome_is_unknown(const error& e) noexcept {
  return e.code() == code::deadline_exceeded;
}

}  // namespace shim
