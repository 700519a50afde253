#include "shim/oci/runtime_options.hpp"

#include "containerd/runc/v1/oci.pb.h"
#include "flow/system/file.hpp"
#include "runtimeoptions/v1/api.pb.h"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using std::filesystem::path;

namespace {

constexpr const char* config_path_file = "hvsock-config";
constexpr const char* config_body_file = "hvsock-config.toml";

error invalid(const std::string& what) {
  return {errc::invalid_argument, "runtime options: " + what};
}

}  // namespace

result<runtime_options> parse_runtime_options(const google::protobuf::Any& any) {
  runtime_options parsed;
  const std::string name = any.type_url().substr(any.type_url().rfind('/') + 1);
  if (name == "runtimeoptions.v1.Options") {
    runtimeoptions::v1::Options options;
    if (!options.ParseFromString(any.value())) {
      return invalid("cannot decode " + name);
    }
    parsed.config_path = options.config_path();
    if (parsed.config_path.empty()) {
      parsed.config_body = options.config_body();
    } else if (!parsed.config_path.is_absolute()) {
      return invalid("the config path must be absolute: " + options.config_path());
    }
  } else if (name == "containerd.runc.v1.Options") {
    containerd::runc::v1::Options options;
    if (!options.ParseFromString(any.value())) {
      return invalid("cannot decode " + name);
    }
    parsed.shim_cgroup = options.shim_cgroup();
  }
  return parsed;
}

result<path> keep_config(const path& bundle, const runtime_options& options) {
  path name = options.config_path;
  if (!options.config_body.empty()) {
    name = std::filesystem::absolute(bundle / config_body_file);
    if (auto written = flow::write_file(name, options.config_body); !written) {
      return std::move(written).error();
    }
  }
  if (!name.empty()) {
    if (auto written = flow::write_file(bundle / config_path_file, name.string()); !written) {
      return std::move(written).error();
    }
  }
  return name;
}

path kept_config_path(const path& bundle) {
  const auto kept = flow::read_file(bundle / config_path_file);
  return kept ? path(kept.value()) : path();
}

}  // namespace shim
