// The end of a container in the shim: the same after Delete, after a failed Create, and when the
// shim ends.
#include <algorithm>
#include <string>

#include "shim/config/limits.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;

// Its processes must have exited or never existed, and the guest must have released its disks or
// been lost. When this returns, its id can be reused.
awaitable<void> task_service::dismantle(std::shared_ptr<container> c) {
  const auto gone = [this, c] {
    const auto found = containers_.find(c->id());
    return found == containers_.end() || found->second != c;
  };
  if (std::exchange(c->dismantling, true)) {
    co_await removed_.wait(gone);
    co_return;
  }
  co_await c->join();
  co_await c->files().remove();
  for (const auto& p : c->remove_all()) {
    lingering_.spawn("release", release(p));
  }
  containers_.erase(c->id());
  removed_.notify_all();
}

// Delivers the rest of the output of a process that was deleted.
awaitable<void> task_service::release(std::shared_ptr<process> p) {
  if (!p->streams) {
    co_return;
  }
  co_await p->streams->linger();
  if (p->streams->lost() != 0) {
    log_.error("output lost (total)", {{"exec_id", p->exec_id}, {"bytes", p->streams->lost()}});
  }
}

// Deletes the container in the guest. If the machine ends first, there is nothing left to clean up.
awaitable<void> task_service::delete_in_guest(std::uint32_t container_number) {
  hvsock::agent::v1::DeleteContainerRequest request;
  request.set_container(container_number);
  const agent_call limit(limits::delete_container,
                         "delete container " + std::to_string(container_number));
  const auto deleted = co_await sandbox_.agent().delete_container(request, limit.options());
  if (!deleted) {
    log_.debug("cannot delete container in the guest",
               {{"err", limit.failed(deleted.error()).message()}});
  }
}

}  // namespace shim
