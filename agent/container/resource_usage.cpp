#include "agent/container/resource_usage.hpp"

#include <utility>

#include "flow/system/log_failures.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;

resource_usage::resource_usage(const flow::asio::any_io_executor& executor, event_queue& events,
                               flow::log& log)
    : events_(events),
      log_(log),
      memory_(executor, [this](container_id id) { report_kills(id); }),
      tasks_(executor, flow::log_failures(log, "resource usage")) {
  tasks_.spawn("watch memory", memory_.run());
}

void resource_usage::add(container_id id, const std::string& cgroup) {
  entries_.insert_or_assign(id, entry{.cgroup = cgroup});
  if (auto watched = memory_.add(id, cgroup); !watched) {
    log_.warning("cannot watch memory", {{"container", id}, {"err", watched.error().message()}});
  }
}

void resource_usage::remove(container_id id) {
  entries_.erase(id);
  memory_.remove(id);
}

void resource_usage::report_kills(container_id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    return;
  }
  const auto kills = oom_kills(found->second.cgroup);
  if (kills <= found->second.reported_kills) {
    return;
  }
  found->second.reported_kills = kills;
  hvsock::agent::v1::Event event;
  event.mutable_out_of_memory()->set_container(id);
  event.mutable_out_of_memory()->set_kills(kills);
  events_.push(std::move(event));
}

void resource_usage::keep_metrics(container_id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    return;
  }
  if (auto used = read_metrics(found->second.cgroup); used) {
    found->second.kept = std::move(used.value());
  }
}

result<resource_usage::metrics_message> resource_usage::metrics(container_id id) const {
  if (const auto found = entries_.find(id); found != entries_.end()) {
    if (auto used = read_metrics(found->second.cgroup); used) {
      return used;
    }
    if (found->second.kept) {
      return *found->second.kept;
    }
  }
  return error(ttrpc::code::not_found, "cgroup does not exist");
}

awaitable<void> resource_usage::close() {
  memory_.stop();
  co_await tasks_.join();
}

}  // namespace agent
