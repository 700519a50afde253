#include "shim/bootstrap/runtime_options.hpp"

#include "containerd/runtime/bootstrap/v1/bootstrap.pb.h"
#include "flow/file.hpp"
#include "google/protobuf/any.pb.h"
#include "runtimeoptions/v1/api.pb.h"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using std::filesystem::path;

namespace {

constexpr std::size_t max_input = 10'000'000;
constexpr const char* config_path_file = "hvsock-config";
constexpr std::string_view our_options = "runtimeoptions.v1.Options";

result<runtime_options> parse_any(const google::protobuf::Any& any) {
  runtime_options parsed;
  const std::string& url = any.type_url();
  if (url.substr(url.rfind('/') + 1) != our_options) {
    return parsed;
  }
  runtimeoptions::v1::Options options;
  if (!options.ParseFromString(any.value())) {
    return error(errc::invalid_argument, "runtime options: not a message");
  }
  parsed.config_path = options.config_path();
  if (!parsed.config_path.empty() && !parsed.config_path.is_absolute()) {
    return error(errc::invalid_argument,
                 "runtime options: the config path must be absolute: " + options.config_path());
  }
  return parsed;
}

}  // namespace

result<runtime_options> parse_runtime_options(const std::string& input, const options& o) {
  if (input.empty()) {
    return runtime_options();
  }
  // Either message can be taken for the other; BootstrapParams is one that speaks of us.
  containerd::runtime::bootstrap::v1::BootstrapParams params;
  if (params.ParseFromString(input) && params.instance_id() == o.id &&
      params.namespace_() == o.containerd_namespace) {
    for (const auto& extension : params.extensions()) {
      auto parsed = parse_any(extension.value());
      if (!parsed || !parsed.value().config_path.empty()) {
        return parsed;
      }
    }
    return runtime_options();
  }
  google::protobuf::Any any;
  if (!any.ParseFromString(input)) {
    return error(errc::invalid_argument,
                 "runtime options: stdin is neither options nor parameters");
  }
  return parse_any(any);
}

result<std::string> read_stdin() {
  return flow::read_file("/dev/stdin", max_input);
}

result<void> keep_config_path(const path& bundle, const path& config_path) {
  if (config_path.empty()) {
    return {};
  }
  return flow::write_file(bundle / config_path_file, config_path.string());
}

path kept_config_path(const path& bundle) {
  const auto kept = flow::read_file(bundle / config_path_file);
  return kept ? path(kept.value()) : path();
}

}  // namespace shim
