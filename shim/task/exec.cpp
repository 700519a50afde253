// Exec: registers another process of a container; Start runs it.
#include "containerd/events/task.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::error;
using ttrpc::code;
namespace api = containerd::task::v2;

task_service::answer<task_service::empty> task_service::exec(
    context& /*call*/, const api::ExecProcessRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  container& c = *found.value();
  if (request.exec_id().empty()) {
    co_return error(code::invalid_argument, "exec without an id");
  }
  if (c.find_exec(request.exec_id())) {
    co_return error(code::already_exists, "id " + request.exec_id());
  }
  if (const auto fits = can_exec(c.init_standing()); !fits) {
    co_return fits.error();
  }
  auto spec = process_for_guest(request.spec().value());
  if (!spec) {
    co_return std::move(spec).error();
  }

  auto p = std::make_shared<process>(executor_, lifecycle::of_exec());
  p->exec_id = request.exec_id();
  p->stdio = {.in = request.stdin(),
              .out = request.stdout(),
              .err = request.stderr(),
              .terminal = request.terminal()};
  p->spec = std::move(spec.value());
  const stdio_context with{executor_, streaming_, config_.stdio, log_};
  const stdio_owner owner{c.id(), events_.containerd_namespace()};
  auto streams = process_streams::open(with, {c.id() + "/" + p->exec_id, owner, p->stdio});
  if (!streams) {
    co_return std::move(streams).error();
  }
  p->streams = std::move(streams.value());
  c.add_exec(std::move(p));

  containerd::events::TaskExecAdded event;
  event.set_container_id(c.id());
  event.set_exec_id(request.exec_id());
  events_.publish("/tasks/exec-added", event);
  co_return empty();
}

}  // namespace shim
