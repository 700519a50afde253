// Takes away from this process what it does not need to serve a guest. Order: inherited descriptors
// first, then everything that needs files or sockets by name, confine() last.
//
//   descriptors   only those it was given
//   files         an empty, read-only root; in the hybrid form the current directory is the root
//   network       a network namespace of its own, without any interface
//   privileges    no capability, none to be gained, no core dump, not traceable by its user
//   system calls  syscall_filter.hpp
//   life          ends with its parent
//
// The namespaces need CAP_SYS_ADMIN, or that an unprivileged user may have a user namespace. Where
// neither holds, that is logged as a warning and the rest still applies: the filter alone already
// denies opening files and sockets (in the hybrid form, all but unix sockets).
#pragma once

#include <cstddef>
#include <span>

#include "flow/device/syscall_filter.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"

namespace flow::device {

// Closes every descriptor above standard error but those in `keep`, where -1 stands for none.
result<> close_other_descriptors(std::span<const int> keep);

// Raises the limit of open descriptors as far as useful and possible, and returns how many
// connections it allows for.
result<std::size_t> reserve_descriptors();

// On success there is no way back.
result<> confine(connector_kind kind, log& log);

}  // namespace flow::device
