#include "shim/bootstrap/start_input.hpp"

#include <unistd.h>

#include "containerd/runtime/bootstrap/v1/bootstrap.pb.h"
#include "flow/system/file.hpp"
#include "shim/config/limits.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
namespace api = containerd::runtime::bootstrap::v1;

namespace {

// There may be several extensions; each adds what it contains.
void add(runtime_options& to, runtime_options from) {
  if (!from.config_path.empty() || !from.config_body.empty()) {
    to.config_path = std::move(from.config_path);
    to.config_body = std::move(from.config_body);
  }
  if (!from.shim_cgroup.empty()) {
    to.shim_cgroup = std::move(from.shim_cgroup);
  }
}

result<start_input> from_parameters(const api::BootstrapParams& params) {
  start_input input;
  input.parameters = true;
  input.debug = params.log_level() <= api::LOG_LEVEL_DEBUG;
  input.events_address = params.containerd_ttrpc_address();
  input.socket_directory = params.socket_dir();
  if (!input.socket_directory.empty() && !input.socket_directory.is_absolute()) {
    return error(errc::invalid_argument,
                 "the socket directory must be absolute: " + params.socket_dir());
  }
  for (const auto& extension : params.extensions()) {
    auto parsed = parse_runtime_options(extension.value());
    if (!parsed) {
      return std::move(parsed).error();
    }
    add(input.runtime, std::move(parsed.value()));
  }
  return input;
}

}  // namespace

result<start_input> parse_start_input(const std::string& text, const options& o) {
  if (text.empty()) {
    return start_input();
  }
  // Either message can be parsed as the other; only BootstrapParams has our id and namespace.
  api::BootstrapParams params;
  if (params.ParseFromString(text) && params.instance_id() == o.id &&
      params.namespace_() == o.containerd_namespace) {
    return from_parameters(params);
  }
  google::protobuf::Any any;
  if (!any.ParseFromString(text)) {
    return error(errc::invalid_argument,
                 "runtime options: stdin contains neither options nor bootstrap parameters");
  }
  start_input input;
  auto parsed = parse_runtime_options(any);
  if (!parsed) {
    return std::move(parsed).error();
  }
  input.runtime = std::move(parsed.value());
  return input;
}

result<std::string> read_stdin() {
  if (::isatty(STDIN_FILENO) != 0) {
    return std::string();
  }
  return flow::read_file("/dev/stdin", limits::start_input_bytes);
}

}  // namespace shim
