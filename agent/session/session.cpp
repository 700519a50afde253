#include "agent/session/session.hpp"

#include "agent/container/containers.hpp"
#include "agent/container/crun.hpp"
#include "agent/container/event_queue.hpp"
#include "agent/container/reaper.hpp"
#include "agent/limits.hpp"
#include "agent/session/clock.hpp"
#include "agent/session/service.hpp"
#include "flow/system/log_failures.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/server.hpp"

namespace agent {

using flow::awaitable;
using flow::result;

awaitable<result<void>> serve_shim(flow::asio::any_io_executor executor, shim_dialer& shim,
                                   std::uint32_t init_entered_ms, flow::log& log) {
  auto control = co_await shim.connect_control(limits::connect_control);
  if (!control) {
    co_return std::move(control).error().in("connect to the shim");
  }

  flow::task_group tasks(executor, flow::log_failures(log, "session"));
  reaper children(executor);
  tasks.spawn("reaper", children.run());
  crun runtime(children);
  event_queue events(executor);
  linux_os system;
  containers all({.executor = executor,
                  .children = children,
                  .runtime = runtime,
                  .shim = shim,
                  .events = events,
                  .system = system,
                  .log = log});
  service api(all, events,
              {.init_entered_ms = init_entered_ms, .connected_ms = milliseconds_since_boot()});

  ttrpc::server server(executor, log);
  server.add_service(api);
  log.info("connected to shim");
  co_await server.run(ttrpc::make_byte_stream(std::move(control.value())));
  log.info("connection to shim ended");
  children.stop();
  co_await tasks.join();
  co_await all.close();
  co_return result<void>();
}

}  // namespace agent
