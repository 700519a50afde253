#include <unistd.h>

#include "flow/copy.hpp"
#include "flow/tools/accept_all.hpp"
#include "flow/tools/checksum.hpp"
#include "flow/tools/stress.hpp"

namespace flow::tools {

stress_server::stress_server(const asio::any_io_executor& executor, stress_options o)
    : options_(std::move(o)),
      interruption_(executor),
      log_(STDERR_FILENO, options_.verbose ? log::level::info : log::level::warning),
      tasks_(executor, [this](const std::string& name, const std::exception_ptr& e) {
        log_.error("unexpected failure", {{"task", name}, {"err", describe(e)}});
      }) {}

awaitable<exit_status> stress_server::run() {
  const auto serve_one = [this](accepted arrived) { return serve(std::move(arrived)); };
  co_return co_await listen_and_serve(options_.connections, options_.peer, interruption_, log_,
                                      tasks_, serve_one);
}

awaitable<void> stress_server::serve(accepted arrived) {
  const auto peer = options_.connections.speak(std::move(arrived.connection), options_.peer);
  const interruption::handler stop(interruption_, [&peer] { peer->abort(); });
  checksum sum;
  const auto r = co_await copy(*peer, *peer, &sum);
  co_await peer->shutdown_write();
  const auto closed = co_await peer->close(options_.connections.close_timeout);
  const auto reason = r.read_error    ? r.read_error
                      : r.write_error ? r.write_error
                      : closed        ? error_code()
                                      : closed.error().code();
  log_.info("echoed", {{"bytes", sum.bytes()},
                       {"sha256", sum.digest()},
                       {"end", reason ? reason.message() : "clean"}});
}

}  // namespace flow::tools
