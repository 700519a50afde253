// Update: changes a container's limits.
#include "shim/config/limits.hpp"
#include "shim/oci/resources.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

namespace api = containerd::task::v2;

task_service::answer<task_service::empty> task_service::update(
    context& call, const api::UpdateTaskRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  const auto c = found.value();
  if (const auto fits = can_update(c->init_standing()); !fits) {
    co_return fits.error();
  }
  // Annotations alone do not change anything that the guest knows.
  if (!request.has_resources()) {
    co_return empty();
  }
  auto resources = resources_for_guest(request.resources().value());
  if (!resources) {
    co_return std::move(resources).error();
  }
  hvsock::agent::v1::UpdateRequest wanted;
  wanted.set_container(c->number());
  wanted.set_resources(std::move(resources.value()));
  const agent_call limit(limits::update_container, "update container " + c->id(), call);
  const auto updated = co_await sandbox_.agent().update(wanted, limit.options());
  if (!updated) {
    co_return limit.failed(updated.error());
  }
  log_.info("update", {{"id", c->id()}});
  co_return empty();
}

}  // namespace shim
