// The action `delete`: cleans up after a shim that died, and says how the task ended for
// containerd.
//
// It is run after every deletion, most often with the shim having cleaned up itself or still about
// to.
#pragma once

#include "containerd/task/v2/task.pb.h"
#include "flow/error.hpp"
#include "shim/options.hpp"

namespace shim {

// Leaves alone what belongs to a shim that lives. May be called again, and if nothing was ever
// created.
flow::result<containerd::task::v2::DeleteResponse> clean_up(const options& o);

}  // namespace shim
