#include "agent/container/process_state.hpp"

#include <gtest/gtest.h>

#include <array>

#include "runtime_api/ttrpc/status.hpp"

using namespace agent;
using ttrpc::code;

namespace {

// What an allowed call is answered with.
const flow::error_code allowed;

struct row {
  process_state state;
  flow::error_code signal;
  flow::error_code signal_container;
  flow::error_code remove;
};

const std::array table{
    row{process_state::creating, code::failed_precondition, code::failed_precondition,
        code::failed_precondition},
    row{process_state::alive, allowed, allowed, code::failed_precondition},
    row{process_state::exited, code::not_found, allowed, allowed},
};

flow::error_code code_of(const flow::result<void>& r) {
  return r ? allowed : r.error().code();
}

}  // namespace

TEST(ProcessState, EachStateAllowsWhatTheTableSays) {
  for (const auto& [state, signal, signal_container, remove] : table) {
    SCOPED_TRACE(static_cast<int>(state));
    EXPECT_EQ(code_of(can_signal(state)), signal);
    EXPECT_EQ(code_of(can_signal_container(state)), signal_container);
    EXPECT_EQ(code_of(can_remove(state)), remove);
  }
}

TEST(ProcessState, SignalsAreRefusedInContainerdsWords) {
  EXPECT_EQ(can_signal(process_state::creating).error().context(), "process not created");
  EXPECT_EQ(can_signal(process_state::exited).error().context(), "process already finished");
}
