#include "agent/session/session.hpp"

#include "agent/container/containers.hpp"
#include "agent/container/crun.hpp"
#include "agent/container/event_queue.hpp"
#include "agent/container/reaper.hpp"
#include "agent/session/clock.hpp"
#include "agent/session/service.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/server.hpp"

namespace agent {

using flow::awaitable;
using flow::result;

namespace {

// The shim waits for its guest from before it boots; it is there, or it is gone.
constexpr auto connect_deadline = std::chrono::seconds(30);

}  // namespace

awaitable<result<void>> serve_shim(flow::asio::any_io_executor executor, shim_dialer& shim,
                                   std::uint32_t init_entered_ms, flow::log& log) {
  auto control = co_await shim.connect_control(connect_deadline);
  if (!control) {
    co_return std::move(control).error().in("dial the shim");
  }

  flow::task_group tasks(
      executor, [&log](const std::string& name, const std::exception_ptr& failure) {
        log.error("task failed", {{"task", name}, {"err", flow::describe(failure)}});
      });
  reaper children(executor);
  tasks.spawn("reaper", children.run());
  crun runtime(children);
  event_queue events(executor);
  linux_os system;
  containers all(executor, children, runtime, shim, events, system, log);
  service api(all, events,
              {.init_entered_ms = init_entered_ms, .connected_ms = milliseconds_since_boot()});

  ttrpc::server server(executor, log);
  server.add_service(api);
  log.info("connected to the shim");
  co_await server.run(ttrpc::make_byte_stream(std::move(control.value())));
  log.info("the shim is gone");
  children.stop();
  co_await tasks.join();
  co_await all.close();
  co_return result<void>();
}

}  // namespace agent
