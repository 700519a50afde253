// Update: sets a container's limits anew.
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::error;
using ttrpc::code;
namespace api = containerd::task::v2;

task_service::answer<task_service::empty> task_service::update(
    context& /*call*/, const api::UpdateTaskRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  const auto c = found.value();
  if (c->init()->state == process::status::stopped || c->init()->exited) {
    co_return error(code::failed_precondition, "cannot update a stopped container");
  }
  // Annotations alone change nothing that the guest knows of.
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
  const auto updated =
      co_await sandbox_.agent().update(wanted, ttrpc::call_options(limits::update_container));
  if (!updated) {
    co_return updated.error();
  }
  log_.info("update", {{"id", c->id()}});
  co_return empty();
}

}  // namespace shim
