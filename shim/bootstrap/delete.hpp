// The action `delete`: cleans up after a shim that died, and tells containerd how the task ended.
//
// containerd runs it after every deletion; usually the shim has cleaned up itself, or is about to.
#pragma once

#include "containerd/task/v2/task.pb.h"
#include "flow/error.hpp"
#include "shim/options.hpp"

namespace shim {

// Leaves everything that belongs to a live shim alone. May be called repeatedly, and even if
// nothing was ever created.
flow::result<containerd::task::v2::DeleteResponse> clean_up(const options& o);

}  // namespace shim
