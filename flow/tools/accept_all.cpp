#include "flow/tools/accept_all.hpp"

#include "flow/tools/program.hpp"

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
      log.warning("accept failed", {{"err", arrived.error().message()}});
      asio::steady_timer pause(executor, pause_after_error);
      co_await pause.async_wait(as_result);
    }
  }
}

awaitable<exit_status> listen_and_serve(const connection_options& options, const target& at,
                                        interruption& i, log& log, task_group& tasks,
                                        std::function<awaitable<void>(accepted)> serve) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto l = options.listen(executor, at);
  if (!l) {
    complain(l.error().message());
    co_return exit_status::failure;
  }
  log.info("listening", {{"address", place_of(*l, at)}});
  co_await accept_all(*l, i, log, tasks, std::move(serve));
  co_await tasks.join();
  co_return exit_status::interrupted;
}

}  // namespace flow::tools
