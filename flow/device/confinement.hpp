// Removes everything from this process that it does not need to serve a guest. Order: inherited
// descriptors first, then everything that opens files or sockets by name, confine() last.
//
//   descriptors   only those it was given
//   files         an empty, read-only root; in the hybrid form, the current directory
//   network       a network namespace of its own, without any interface
//   privileges    no capabilities, no way to gain any, no core dump, not traceable by its user
//   system calls  syscall_filter.hpp
//   lifetime      ends with its parent
//
// The namespaces need CAP_SYS_ADMIN, or permission for unprivileged users to create user
// namespaces. If neither is available, a warning is logged and the rest still applies: the filter
// alone already denies opening files and sockets (in the hybrid form, all but unix sockets).
#pragma once

#include <cstddef>
#include <span>

#include "flow/device/syscall_filter.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"

namespace flow::device {

// Closes every descriptor above standard error except those in `keep`, where -1 means none.
result<> close_other_descriptors(std::span<const int> keep);

// Raises the limit on open descriptors as far as useful and possible, and returns how many
// connections it allows.
result<std::size_t> reserve_descriptors();

// Cannot be undone.
result<> confine(connector_kind kind, log& log);

}  // namespace flow::device
