#include "flow/tools/accept_all.hpp"

namespace flow::tools {

awaitable<void> accept_all(listener& l, interruption& i, log& log, task_group& tasks,
                           std::function<awaitable<void>(accepted)> serve) {
  constexpr auto pause_after_error = std::chrono::milliseconds(100);
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const interruption::handler stop(i, [&l] { l.close(); });
  while (!i.happened()) {
    auto arrived = co_await l.accept();
    if (arrived) {
      tasks.spawn("connection", serve(std::move(*arrived)));
    } else if (!i.happened()) {
      log.warning("not accepted", {{"err", arrived.error().message()}});
      asio::steady_timer pause(executor, pause_after_error);
      co_await pause.async_wait(as_result);
    }
  }
}

}  // namespace flow::tools
