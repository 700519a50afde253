// ResizePty and CloseIO.
#include "shim/config/limits.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

namespace api = containerd::task::v2;

task_service::answer<task_service::empty> task_service::resize_pty(
    context& call, const api::ResizePtyRequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  const auto p = located.value().found;
  if (!p->stdio.terminal) {
    co_return empty();
  }
  if (const auto fits = can_resize(located.value().owner->standing_of(*p)); !fits) {
    co_return fits.error();
  }
  // The program starts with the last size that was set before.
  p->width = request.width();
  p->height = request.height();
  if (p->life.now() != process_state::running) {
    co_return empty();
  }
  hvsock::agent::v1::ResizePtyRequest wanted;
  wanted.set_process(p->number);
  wanted.mutable_console_size()->set_width(request.width());
  wanted.mutable_console_size()->set_height(request.height());
  const agent_call limit(limits::resize_terminal, "resize terminal of " + request.id(), call);
  const auto resized = co_await sandbox_.agent().resize_pty(wanted, limit.options());
  if (!resized) {
    co_return limit.failed(resized.error());
  }
  co_return empty();
}

task_service::answer<task_service::empty> task_service::close_io(
    context& /*call*/, const api::CloseIORequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  if (request.stdin()) {
    located.value().found->streams->close_io();
  }
  co_return empty();
}

}  // namespace shim
