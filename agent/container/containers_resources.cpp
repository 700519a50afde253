// What a container may use and what it uses: pausing, limits, counts.
#include <filesystem>

#include "agent/container/cgroup.hpp"
#include "agent/container/containers.hpp"
#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;
using guest_contract::container_name;
using ttrpc::code;

awaitable<result<void>> containers::pause(container_id id) {
  const auto found = find_container(id);
  if (!found) {
    co_return found.error();
  }
  co_return co_await alone(*found.value(), crun_.pause(container_name(id), bundle_of(id)));
}

awaitable<result<void>> containers::resume(container_id id) {
  const auto found = find_container(id);
  if (!found) {
    co_return found.error();
  }
  co_return co_await alone(*found.value(), crun_.resume(container_name(id), bundle_of(id)));
}

awaitable<result<void>> containers::update(container_id id, const std::string& resources) {
  const auto found = find_container(id);
  if (!found) {
    co_return found.error();
  }
  co_return co_await alone(*found.value(),
                           run_update(id, bundle_of(id) + "/resources.json", resources));
}

awaitable<result<void>> containers::run_update(container_id id, std::string file,
                                               const std::string& resources) {
  if (auto written = flow::write_file(file, resources); !written) {
    co_return written.error();
  }
  const auto updated = co_await crun_.update(container_name(id), bundle_of(id), file);
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  co_return updated;
}

result<::io::containerd::cgroups::v2::Metrics> containers::metrics(container_id id) const {
  if (id == 0) {
    return read_metrics(where_.cgroups);
  }
  const auto found = containers_.find(id);
  if (found == containers_.end()) {
    return no_container(id);
  }
  auto used = read_metrics(cgroup_of(id));
  if (!used && found->second.last_metrics) {
    return *found->second.last_metrics;
  }
  if (!used) {
    return error(code::not_found, "cgroup does not exist");
  }
  return used;
}

void containers::check_memory(container_id id) {
  const auto found = containers_.find(id);
  const auto kills = oom_kills(cgroup_of(id));
  if (found == containers_.end() || kills <= found->second.oom_kills) {
    return;
  }
  found->second.oom_kills = kills;
  hvsock::agent::v1::Event event;
  event.mutable_out_of_memory()->set_container(id);
  event.mutable_out_of_memory()->set_kills(kills);
  events_.push(std::move(event));
}

}  // namespace agent
