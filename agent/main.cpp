// hvsock-agent: the first and only program of the guest image, started by the kernel as pid 1.
#include <google/protobuf/stubs/logging.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <string>

#include "agent/boot/boot.hpp"
#include "agent/io/shim_dialer.hpp"
#include "agent/session/clock.hpp"
#include "agent/session/session.hpp"
#include "agent/storage/os.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/guest/contract.hpp"

namespace {

// If pid 1 exited, the kernel would panic; so the machine is powered off instead.
[[noreturn]] void power_off() {
  ::sync();
  ::reboot(RB_POWER_OFF);
  for (;;) {
    ::pause();
  }
}

void serve(const agent::command_line& parameters, std::uint32_t init_entered_ms, flow::log& log) {
  boost::asio::io_context context(1);
  const auto executor = context.get_executor();
  agent::shim_dialer shim(executor, agent::shim_dialer::vsock_dialer(executor, parameters.port));
  boost::asio::co_spawn(context, agent::serve_shim(executor, shim, init_entered_ms, log),
                        [&](const std::exception_ptr& failure, const flow::result<void>& ended) {
                          if (failure) {
                            log.error("session failed", {{"err", flow::describe(failure)}});
                          } else if (!ended) {
                            log.error("session failed", {{"err", ended.error().message()}});
                          }
                          context.stop();
                        });
  context.run();
}

}  // namespace

int main() {
  const auto init_entered_ms = agent::milliseconds_since_boot();
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(022);
  google::protobuf::SetLogHandler(nullptr);  // protobuf's own logging off
  // The kernel has opened the console as 0, 1 and 2.
  flow::log log(STDERR_FILENO);
  agent::linux_os system;
  const auto parameters = agent::boot(system);
  if (!parameters) {
    log.error("boot failed", {{"err", parameters.error().message()}});
    power_off();
  }
  if (parameters.value().debug) {
    log.set_level(flow::log::level::debug);
  }
  log.info(std::string(guest_contract::first_word) + " started", {{"ms", init_entered_ms}});
  if (!parameters.value().probe) {
    serve(parameters.value(), init_entered_ms, log);
  }
  power_off();
}
