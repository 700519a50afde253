// What containers use of the machine: the kernel's counts, and an event for each time it has killed
// processes of a container because memory was short.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/container/event_queue.hpp"
#include "agent/container/memory_watch.hpp"
#include "agent/container/metrics.hpp"
#include "agent/ids.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"

namespace agent {

class resource_usage {
 public:
  using metrics_message = ::io::containerd::cgroups::v2::Metrics;

  // `events` and `log` must outlive the object.
  resource_usage(const flow::asio::any_io_executor& executor, event_queue& events, flow::log& log);

  // From here on kills are reported. A cgroup that cannot be watched is logged; its kills are
  // reported with the exits that they caused.
  void add(container_id id, const std::string& cgroup);
  void remove(container_id id);  // nothing, if it was not added

  // Reports the kills since the last report, if there are any. The kernel counts before it kills,
  // so a call before the report of an exit puts the reason first.
  void report_kills(container_id id);

  // Keeps a copy of the container's metrics for the time after its cgroup was removed.
  void keep_metrics(container_id id);

  // What the container uses now, or else the copy; not_found without either.
  flow::result<metrics_message> metrics(container_id id) const;

  // Returns when nothing of this object runs any more. The last call.
  flow::awaitable<void> close();

 private:
  struct entry {
    std::string cgroup;
    std::uint64_t reported_kills = 0;
    std::optional<metrics_message> kept = {};
  };

  event_queue& events_;
  flow::log& log_;
  std::map<container_id, entry> entries_;
  memory_watch memory_;
  flow::task_group tasks_;
};

}  // namespace agent
