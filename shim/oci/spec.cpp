#include "shim/oci/spec.hpp"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "flow/system/file.hpp"
#include "shim/config/limits.hpp"
#include "shim/rootfs/guest_mounts.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using std::filesystem::path;
namespace json = boost::json;

namespace {

error invalid(const std::string& what) {
  return {errc::invalid_argument, "config.json: " + what};
}

result<json::object> parse_object(const std::string& text) {
  boost::system::error_code ec;
  auto value = json::parse(text, ec);
  if (ec) {
    return error(errc::invalid_argument, "not JSON: " + ec.message());
  }
  if (!value.is_object()) {
    return error(errc::invalid_argument, "not a JSON object");
  }
  return std::move(value.as_object());
}

json::object* object_in(json::object& parent, std::string_view name) {
  auto* value = parent.if_contains(name);
  return value != nullptr && value->is_object() ? &value->as_object() : nullptr;
}

json::array* array_in(json::object& parent, std::string_view name) {
  auto* value = parent.if_contains(name);
  return value != nullptr && value->is_array() ? &value->as_array() : nullptr;
}

std::string string_in(const json::object& parent, std::string_view name) {
  const auto* value = parent.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// The guest's crun refuses what does not call itself 1.0. Every later 1.x is an extension of it,
// and containerd 2 writes 1.2 and more.
result<void> rewrite_version(json::object& document) {
  const auto version = string_in(document, "ociVersion");
  if (version.empty()) {
    return {};
  }
  if (!version.starts_with("1.")) {
    return invalid("ociVersion " + version + " is not supported, only 1.x");
  }
  document["ociVersion"] = "1.0.2";
  return {};
}

// Labels of the host's security modules, which the guest's kernel does not have.
void rewrite_process(json::object& process) {
  process.erase("apparmorProfile");
  process.erase("selinuxLabel");
}

void rewrite_namespace(json::object& one, const spec::namespace_function& in_guest) {
  const path wanted = string_in(one, "path");
  one.erase("path");
  if (wanted.empty()) {
    return;
  }
  if (const auto found = in_guest(string_in(one, "type"), wanted); !found.empty()) {
    one["path"] = found;
  }
}

void rewrite_linux(json::object& linux, const std::string& cgroup,
                   const spec::namespace_function& in_guest) {
  linux["cgroupsPath"] = cgroup;
  linux.erase("mountLabel");
  linux.erase("intelRdt");
  if (auto* namespaces = array_in(linux, "namespaces"); namespaces != nullptr) {
    for (auto& one : *namespaces) {
      if (one.is_object()) {
        rewrite_namespace(one.as_object(), in_guest);
      }
    }
  }
}

bool is_bind(const json::object& mount) {
  if (string_in(mount, "type") == "bind") {
    return true;
  }
  const auto* options = mount.if_contains("options");
  if (options == nullptr || !options->is_array()) {
    return false;
  }
  const auto& list = options->as_array();
  return std::any_of(list.begin(), list.end(), [](const json::value& option) {
    return option.is_string() && (option.as_string() == "bind" || option.as_string() == "rbind");
  });
}

// Bound from these, a container means the kernel it runs on, which is the guest's.
bool belongs_to_kernel(const path& source) {
  const auto text = source.lexically_normal().string();
  return text.starts_with("/proc/") || text.starts_with("/sys/") || text == "/proc" ||
         text == "/sys";
}

std::vector<std::string> options_in(const json::object& mount) {
  std::vector<std::string> options;
  const auto* listed = mount.if_contains("options");
  if (listed != nullptr && listed->is_array()) {
    for (const auto& option : listed->as_array()) {
      if (option.is_string()) {
        options.emplace_back(option.as_string());
      }
    }
  }
  return options;
}

// Mounted by the agent; the container gets it bound.
result<void> rewrite_disk(json::object& mount, const spec::mount_function& make) {
  auto options = options_in(mount);
  const bool read_only = std::find(options.begin(), options.end(), "ro") != options.end();
  auto there = make({string_in(mount, "type"), string_in(mount, "source"), std::move(options)});
  if (!there) {
    return std::move(there).error().in("mounts");
  }
  mount["type"] = "bind";
  mount["source"] = there.value();
  mount["options"] = json::array{"rbind", read_only ? "ro" : "rw"};
  return {};
}

result<void> rewrite_mounts(json::array& mounts, const spec::share_function& share,
                            const spec::mount_function& make) {
  for (auto& entry : mounts) {
    if (!entry.is_object()) {
      return invalid("mounts: not an object");
    }
    auto& mount = entry.as_object();
    if (is_disk_file_system(string_in(mount, "type"))) {
      if (auto rewritten = rewrite_disk(mount, make); !rewritten) {
        return rewritten;
      }
      continue;
    }
    if (!is_bind(mount)) {
      continue;
    }
    const path source = string_in(mount, "source");
    if (source.empty()) {
      return invalid("mounts: a bind mount without a source");
    }
    if (belongs_to_kernel(source)) {
      continue;
    }
    auto shared = share(source);
    if (!shared) {
      return std::move(shared).error().in("mounts");
    }
    mount["source"] = shared.value();
  }
  return {};
}

// What may be in a resources object, as far as an update is made of it. The guest's OCI runtime
// passes over what is of the wrong type, and the client would take that for done.
struct resource {
  std::string_view section;
  std::string_view name;
  bool text = false;  // otherwise a number
};
constexpr std::array known_resources{
    resource{"memory", "limit"},   resource{"memory", "reservation"}, resource{"memory", "swap"},
    resource{"cpu", "shares"},     resource{"cpu", "quota"},          resource{"cpu", "period"},
    resource{"cpu", "burst"},      resource{"cpu", "idle"},           resource{"cpu", "cpus", true},
    resource{"cpu", "mems", true}, resource{"pids", "limit"},         resource{"blockIO", "weight"},
};

// Go leaves a field that is null as it is.
result<void> check_resources(const json::object& resources) {
  for (const auto& known : known_resources) {
    const auto* section = resources.if_contains(known.section);
    if (section == nullptr || section->is_null()) {
      continue;
    }
    if (!section->is_object()) {
      return error(errc::invalid_argument, std::string(known.section) + " is no object");
    }
    const auto* value = section->as_object().if_contains(known.name);
    if (value == nullptr || value->is_null()) {
      continue;
    }
    if (known.text ? !value->is_string() : !value->is_int64() && !value->is_uint64()) {
      return error(errc::invalid_argument, std::string(known.section) + "." +
                                               std::string(known.name) + " is no " +
                                               (known.text ? "string" : "integer"));
    }
  }
  return {};
}

}  // namespace

result<spec> spec::parse(const std::string& text) {
  auto document = parse_object(text);
  if (!document) {
    return std::move(document).error().in("config.json");
  }
  if (object_in(document.value(), "process") == nullptr) {
    return invalid("no process");
  }
  const auto* root = object_in(document.value(), "root");
  if (root == nullptr || string_in(*root, "path").empty()) {
    return invalid("no root.path");
  }
  return spec(std::move(document.value()));
}

result<spec> spec::load(const path& bundle) {
  const auto text = flow::read_file(bundle / "config.json", limits::specification_bytes);
  if (!text) {
    return text.error();
  }
  return parse(text.value());
}

std::string spec::annotation(const std::string& name) const {
  const auto* annotations = document_.if_contains("annotations");
  if (annotations == nullptr || !annotations->is_object()) {
    return {};
  }
  return string_in(annotations->as_object(), name);
}

std::optional<std::string> spec::network_namespace() const {
  const auto* linux = document_.if_contains("linux");
  const auto* namespaces = linux != nullptr && linux->is_object()
                               ? linux->as_object().if_contains("namespaces")
                               : nullptr;
  if (namespaces == nullptr || !namespaces->is_array()) {
    return {};
  }
  for (const auto& one : namespaces->as_array()) {
    if (one.is_object() && string_in(one.as_object(), "type") == "network") {
      return string_in(one.as_object(), "path");
    }
  }
  return {};
}

path spec::root(const path& bundle) const {
  return bundle / string_in(document_.at("root").as_object(), "path");
}

result<std::string> spec::for_guest(const std::string& root, const std::string& cgroup,
                                    const share_function& share, const mount_function& mount,
                                    const namespace_function& in_guest) const {
  json::object document = document_;
  if (auto rewritten = rewrite_version(document); !rewritten) {
    return std::move(rewritten).error();
  }
  document["root"].as_object()["path"] = root;
  // Hooks are programs of the host.
  document.erase("hooks");
  rewrite_process(document["process"].as_object());
  if (auto* linux = object_in(document, "linux"); linux != nullptr) {
    rewrite_linux(*linux, cgroup, in_guest);
  } else {
    document["linux"] = json::object{{"cgroupsPath", cgroup}};
  }
  if (auto* mounts = array_in(document, "mounts"); mounts != nullptr) {
    if (auto rewritten = rewrite_mounts(*mounts, share, mount); !rewritten) {
      return std::move(rewritten).error();
    }
  }
  return json::serialize(document);
}

result<std::string> resources_for_guest(const std::string& text) {
  const auto resources = parse_object(text);
  if (!resources) {
    return flow::error(resources.error()).in("resources");
  }
  if (auto checked = check_resources(resources.value()); !checked) {
    return std::move(checked).error().in("resources");
  }
  return json::serialize(resources.value());
}

result<std::string> process_for_guest(const std::string& text) {
  auto process = parse_object(text);
  if (!process) {
    return std::move(process).error().in("process spec");
  }
  rewrite_process(process.value());
  return json::serialize(process.value());
}

}  // namespace shim
