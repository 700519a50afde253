// Stats: the guest kernel's counters for a container.
#include "shim/config/limits.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

namespace api = containerd::task::v2;

task_service::answer<api::StatsResponse> task_service::stats(context& call,
                                                             const api::StatsRequest& request) {
  const auto located = find_process(request.id(), "");
  if (!located) {
    co_return located.error();
  }
  hvsock::agent::v1::StatsRequest wanted;
  wanted.set_container(located.value().owner->number());
  const agent_call limit(limits::query, "stats of " + request.id(), call);
  const auto stats = co_await sandbox_.agent().stats(wanted, limit.options());
  if (!stats) {
    co_return limit.failed(stats.error());
  }
  // Decoded and encoded again, so that containerd gets this type regardless of what the guest sent.
  const auto& metrics = stats.value().metrics();
  api::StatsResponse response;
  response.mutable_stats()->set_type_url(metrics.GetTypeName());
  metrics.SerializeToString(response.mutable_stats()->mutable_value());
  co_return response;
}

}  // namespace shim
