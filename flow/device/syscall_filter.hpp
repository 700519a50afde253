// The system calls that hvsock-vsockd may make while it serves a guest, each with its reason.
//
// Any other call raises SIGSYS; its handler writes the number to standard error and ends the
// process with exit_code::denied_syscall.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "flow/error.hpp"

namespace flow::device {

// The form of connector determines which calls are needed.
enum class connector_kind { uplink, hybrid };

struct syscall_rule {
  // Only calls whose argument `index`, masked, has this value are allowed.
  struct argument {
    unsigned index;
    std::uint64_t mask;
    std::uint64_t value;
  };

  bool needed_by(connector_kind kind) const noexcept { return !needed || *needed == kind; }

  int number;
  const char* reason;
  std::optional<argument> only;
  std::optional<connector_kind> needed;  // absent: needed by both
};

// All rules. A number may occur more than once, with different arguments.
std::span<const syscall_rule> syscall_rules() noexcept;

// Applies the rules of one kind to this process, permanently.
result<> install_syscall_filter(connector_kind kind);

}  // namespace flow::device
