// Checkpoint: not supported, for any container.
#include "runtime_api/ttrpc/status.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::error;
using ttrpc::code;
namespace api = containerd::task::v2;

// Clients of containerd 2.x print only the text, those of 1.x the code's name after it.
task_service::answer<task_service::empty> task_service::checkpoint(
    context& /*call*/, const api::CheckpointTaskRequest& /*request*/) {
  co_return error(code::unimplemented, "checkpoint is not supported");
}

}  // namespace shim
