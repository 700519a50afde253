// The system calls that hvsock-vsockd may make once it serves a guest, each with its reason.
//
// Any other one raises SIGSYS, whose handler says which it was on standard error and ends the
// process with exit_code::denied_syscall.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "flow/error.hpp"

namespace flow::device {

// Where the guest's connections lead decides what is needed.
enum class connector_kind { uplink, hybrid };

struct syscall_rule {
  // Only calls whose argument `index`, masked, has the value are allowed.
  struct argument {
    unsigned index;
    std::uint64_t mask;
    std::uint64_t value;
  };

  bool needed_by(connector_kind kind) const noexcept { return !needed || *needed == kind; }

  int number;
  const char* reason;
  std::optional<argument> only;
  std::optional<connector_kind> needed;  // absent: by both
};

// All rules. A number may occur more than once, with different arguments.
std::span<const syscall_rule> syscall_rules() noexcept;

// Applies the rules of one kind to this process, for good.
result<> install_syscall_filter(connector_kind kind);

}  // namespace flow::device
