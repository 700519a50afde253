#include "agent/container/process_state.hpp"

#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::error;
using flow::result;
using ttrpc::code;

result<void> can_signal(process_state state) {
  switch (state) {
    case process_state::creating:
      return error(code::failed_precondition, "process not created");
    case process_state::alive:
      return {};
    case process_state::exited:
      break;
  }
  return error(code::not_found, "process already finished");
}

result<void> can_signal_container(process_state state) {
  return state == process_state::creating ? can_signal(state) : result<void>();
}

result<void> can_remove(process_state state) {
  switch (state) {
    case process_state::creating:
      return error(code::failed_precondition, "process is being created");
    case process_state::alive:
      return error(code::failed_precondition, "process has not exited");
    case process_state::exited:
      break;
  }
  return {};
}

}  // namespace agent
