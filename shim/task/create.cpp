// Create: a container up to the point where its first process would be executed.
#include "containerd/events/task.pb.h"
#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/oci/runtime_options.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using ttrpc::code;
namespace api = containerd::task::v2;

namespace {

stdio_names names_in(const api::CreateTaskRequest& request) {
  return {.in = request.stdin(),
          .out = request.stdout(),
          .err = request.stderr(),
          .terminal = request.terminal()};
}

std::vector<mount_description> mounts_in(const api::CreateTaskRequest& request) {
  std::vector<mount_description> mounts;
  for (const auto& m : request.rootfs()) {
    mounts.push_back({m.type(), m.source(), {m.options().begin(), m.options().end()}, m.target()});
  }
  return mounts;
}

containerd::events::TaskCreate created_event(const api::CreateTaskRequest& request, pid_t pid) {
  containerd::events::TaskCreate event;
  event.set_container_id(request.id());
  event.set_bundle(request.bundle());
  *event.mutable_rootfs() = request.rootfs();
  event.mutable_io()->set_stdin(request.stdin());
  event.mutable_io()->set_stdout(request.stdout());
  event.mutable_io()->set_stderr(request.stderr());
  event.mutable_io()->set_terminal(request.terminal());
  event.set_checkpoint(request.checkpoint());
  event.set_pid(static_cast<std::uint32_t>(pid));
  return event;
}

}  // namespace

task_service::answer<api::CreateTaskResponse> task_service::create(
    context& /*call*/, const api::CreateTaskRequest& request) {
  if (containers_.contains(request.id())) {
    co_return error(code::already_exists, "container " + request.id());
  }
  if (!request.checkpoint().empty()) {
    co_return error(code::unimplemented, "restoring a checkpoint");
  }
  // `start` has acted on the options; here they can only be wrong.
  if (const auto options = parse_runtime_options(request.options()); !options) {
    co_return error(options.error());
  }
  const auto c = std::make_shared<container>(
      executor_, request.id(), request.bundle(), sandbox_,
      [this](const container& owner, const process& p) { process_stopped(owner, p); }, log_);
  containers_[request.id()] = c;
  process& init = *c->init();
  init.busy = true;
  const auto created = co_await create_container(*c, request);
  init.busy = false;
  init.failed = !created;
  init.changed.notify_all();
  if (!created) {
    log_.warning("create failed", {{"id", request.id()}, {"err", created.error().message()}});
    sandbox_.forget(init.number);
    co_await c->join();
    co_await c->detach_disks();
    c->unmount();
    if (init.streams) {
      init.streams->give_up();
    }
    for (const auto& p : c->remove_all()) {
      lingering_.spawn("release", release(p));
    }
    containers_.erase(request.id());
    co_return created.error();
  }
  events_.publish("/tasks/create", created_event(request, init.pid));
  log_.info("create", {{"id", request.id()}, {"pid", init.pid}});
  api::CreateTaskResponse response;
  response.set_pid(static_cast<std::uint32_t>(init.pid));
  co_return response;
}

awaitable<result<void>> task_service::create_container(container& c,
                                                       const api::CreateTaskRequest& request) {
  process& init = *c.init();
  init.stdio = names_in(request);
  const auto s = spec::load(c.bundle());
  if (!s) {
    co_return s.error();
  }
  const stdio_owner owner{c.id(), events_.containerd_namespace()};
  auto streams =
      process_streams::open(executor_, c.id(), owner, init.stdio, streaming_, config_.stdio, log_);
  if (!streams) {
    co_return streams.error();
  }
  init.streams = std::move(streams.value());
  const auto stdio_ready = co_await init.streams->ready();
  if (!stdio_ready) {
    co_return stdio_ready;
  }

  // The guest boots meanwhile.
  const auto guest_spec = c.prepare(
      mounts_in(request), s.value(),
      [this](const std::string& type, const auto& path) { return namespace_in_guest(type, path); });
  if (!guest_spec) {
    co_return guest_spec.error();
  }
  const auto ready = co_await sandbox_.ready();
  if (!ready) {
    co_return ready;
  }

  const auto plugged = co_await c.attach_disks();
  if (!plugged) {
    co_return plugged;
  }

  auto host = placeholder_process::start(s.value().network_namespace());
  if (!host) {
    co_return host.error();
  }
  sandbox_.expect_out_of_memory(c.number(), [this, &c] { out_of_memory(c); });
  hvsock::agent::v1::CreateContainerRequest wanted;
  wanted.set_container(c.number());
  wanted.set_process(init.number);
  wanted.set_spec(guest_spec.value());
  *wanted.mutable_stdio() = init.streams->expect(sandbox_.streams());
  c.add_file_systems(wanted);
  c.watch(c.init());
  const auto created = co_await sandbox_.agent().create_container(wanted);
  if (!created) {
    co_return c.in_terms_of_the_host(created.error());
  }
  const auto attached = co_await init.streams->attach();
  if (!attached) {
    // Nothing but the loss of the guest explains this; a container nobody can hear is of no use.
    sandbox_.kill("the guest did not connect its streams: " + attached.error().message());
    co_return attached;
  }
  init.host = std::move(host.value());
  init.guest_pid = static_cast<pid_t>(created.value().pid());
  init.pid = init.host->pid();
  // For the `delete` of a shim that died.
  static_cast<void>(flow::write_file(c.bundle() / "init.pid", std::to_string(init.pid)));
  co_return result<void>();
}

}  // namespace shim
