// Create: prepares a container up to the point before its first process is executed.
#include "containerd/events/task.pb.h"
#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/oci/runtime_options.hpp"
#include "shim/task/agent_call.hpp"
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
    context& call, const api::CreateTaskRequest& request) {
  if (containers_.contains(request.id())) {
    co_return error(code::already_exists, "container " + request.id());
  }
  if (!request.checkpoint().empty()) {
    co_return error(code::unimplemented, "restoring a checkpoint is not supported");
  }
  // `start` has already applied the options; they are only validated again.
  if (const auto options = parse_runtime_options(request.options()); !options) {
    co_return error(options.error());
  }
  const auto c = std::make_shared<container>(
      executor_, request.id(), request.bundle(), sandbox_,
      [this](const container& owner, const process& p) { process_stopped(owner, p); }, log_);
  containers_[request.id()] = c;
  process& init = *c->init();
  auto created = co_await create_container(call, *c, request);
  if (created && init.killed) {
    created = error(code::aborted, "container " + c->id() + " was killed during Create");
    background_.spawn("delete in guest", delete_in_guest(c->number()));
  }
  init.life.enter(created ? process_state::created : process_state::failed);
  c->changed(init);
  if (!created) {
    log_.warning("create failed", {{"id", request.id()}, {"err", created.error().message()}});
    sandbox_.forget(init.number);
    if (init.streams) {
      init.streams->give_up();
    }
    co_await dismantle(c);
    co_return created.error();
  }
  events_.publish("/tasks/create", created_event(request, init.pid));
  log_.info("create", {{"id", request.id()}, {"pid", init.pid}});
  api::CreateTaskResponse response;
  response.set_pid(static_cast<std::uint32_t>(init.pid));
  co_return response;
}

awaitable<result<void>> task_service::create_container(context& call, container& c,
                                                       const api::CreateTaskRequest& request) {
  process& init = *c.init();
  const auto s = spec::load(c.bundle());
  if (!s) {
    co_return s.error();
  }
  const auto opened = co_await open_streams(c, init, names_in(request));
  if (!opened) {
    co_return opened;
  }
  // Meanwhile the guest boots.
  const auto guest_spec = prepare_files(c, s.value(), mounts_in(request));
  if (!guest_spec) {
    co_return guest_spec.error();
  }
  const auto ready = co_await sandbox_.ready();
  if (!ready) {
    co_return ready;
  }
  const auto plugged = co_await c.files().attach_disks();
  if (!plugged) {
    co_return plugged;
  }
  auto placeholder = placeholder_process::start(s.value().network_namespace());
  if (!placeholder) {
    co_return placeholder.error();
  }
  const auto created = co_await create_in_guest(call, c, guest_spec.value());
  if (!created) {
    co_return created;
  }
  init.placeholder = std::move(placeholder.value());
  init.pid = init.placeholder->pid();
  // For the action `delete`, in case the shim dies.
  static_cast<void>(flow::write_file(c.bundle() / "init.pid", std::to_string(init.pid)));
  co_return result<void>();
}

awaitable<result<void>> task_service::open_streams(const container& c, process& init,
                                                   stdio_names names) {
  init.stdio = std::move(names);
  const stdio_context with{executor_, streaming_, config_.stdio, log_};
  const stdio_owner owner{c.id(), events_.containerd_namespace()};
  auto streams = process_streams::open(with, {c.id(), owner, init.stdio});
  if (!streams) {
    co_return streams.error();
  }
  init.streams = std::move(streams.value());
  co_return co_await init.streams->ready();
}

// Returns the specification for the guest.
result<std::string> task_service::prepare_files(container& c, const spec& s,
                                                const std::vector<mount_description>& rootfs) {
  const auto named = s.names_of_host();
  if (!named) {
    return named.error();
  }
  std::vector<std::string> namespaces;
  for (const auto& one : named.value().namespaces) {
    namespaces.push_back(namespace_in_guest(one.type, one.path));
  }
  return c.files().prepare(rootfs, s, named.value(), std::move(namespaces));
}

awaitable<result<void>> task_service::create_in_guest(context& call, container& c,
                                                      std::string guest_spec) {
  process& init = *c.init();
  sandbox_.expect_out_of_memory(c.number(), [this, &c] { out_of_memory(c); });
  hvsock::agent::v1::CreateContainerRequest request;
  request.set_container(c.number());
  request.set_process(init.number);
  request.set_spec(std::move(guest_spec));
  *request.mutable_stdio() = init.streams->expect(sandbox_.connections());
  c.files().add_to(request);
  c.watch(c.init());
  const agent_call limit(limits::create_container, "create container " + c.id(), call);
  const auto created = co_await sandbox_.agent().create_container(request, limit.options());
  if (!created) {
    if (outcome_is_unknown(created.error())) {
      background_.spawn("delete in guest", delete_in_guest(c.number()));
    }
    co_return c.files().with_host_paths(limit.failed(created.error()));
  }
  const auto attached = co_await init.streams->attach();
  if (!attached) {
    // Only the loss of the guest explains this; a container without its output is useless.
    sandbox_.kill("the guest did not connect its streams: " + attached.error().message());
    co_return attached;
  }
  init.guest_pid = static_cast<pid_t>(created.value().pid());
  co_return result<void>();
}

}  // namespace shim
