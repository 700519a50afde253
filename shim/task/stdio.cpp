// ResizePty and CloseIO.
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::error;
using ttrpc::code;
namespace api = containerd::task::v2;

task_service::answer<task_service::empty> task_service::resize_pty(
    context& /*call*/, const api::ResizePtyRequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  const auto p = located.value().found;
  if (!p->stdio.terminal) {
    co_return empty();
  }
  if (p->exited || p->state == process::status::stopped) {
    if (p->is_init()) {
      co_return empty();
    }
    co_return error(code::failed_precondition, "cannot resize a stopped process");
  }
  // A program finds the size it was given before it was started.
  p->width = request.width();
  p->height = request.height();
  if (!p->started) {
    co_return empty();
  }
  hvsock::agent::v1::ResizePtyRequest wanted;
  wanted.set_process(p->number);
  wanted.mutable_console_size()->set_width(request.width());
  wanted.mutable_console_size()->set_height(request.height());
  const auto resized =
      co_await sandbox_.agent().resize_pty(wanted, ttrpc::call_options(limits::resize_terminal));
  if (!resized) {
    co_return resized.error();
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
