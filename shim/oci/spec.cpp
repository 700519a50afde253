#include "shim/oci/spec.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cassert>

#include "flow/system/file.hpp"
#include "shim/config/limits.hpp"
#include "shim/oci/json_object.hpp"
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

// The guest's crun refuses versions other than 1.0. Every later 1.x is an extension of it, and
// containerd 2 writes 1.2 and later.
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

// Hands out the names in the guest one by one, in the order in which names_of_host() found the
// objects they stand for.
class name_queue {
 public:
  explicit name_queue(const std::vector<std::string>& names) : names_(names) {}

  std::string take() {
    assert(next_ < names_.size() && "one name per object of the host");
    return names_[next_++];
  }

 private:
  const std::vector<std::string>& names_;
  std::size_t next_ = 0;
};

bool has_path(const json::object& one) {
  return !string_in(one, "path").empty();
}

void rewrite_linux(json::object& linux, const spec::guest_names& names) {
  linux["cgroupsPath"] = names.cgroup;
  linux.erase("mountLabel");
  linux.erase("intelRdt");
  auto* namespaces = array_in(linux, "namespaces");
  if (namespaces == nullptr) {
    return;
  }
  name_queue in_guest(names.namespaces);
  for (auto& entry : *namespaces) {
    if (!entry.is_object()) {
      continue;
    }
    auto& one = entry.as_object();
    const auto found = has_path(one) ? in_guest.take() : std::string();
    one.erase("path");
    if (!found.empty()) {
      one["path"] = found;
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

// If a container binds one of these, it means its own kernel's, which is the guest's.
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

// How the guest gets the source of a mount.
enum class mount_source {
  disk,   // a file system on a disk, which the guest mounts; the container gets it bound
  share,  // a file or directory of the host
  guest,  // nothing of the host
};

mount_source source_of(const json::object& mount) {
  if (is_disk_file_system(string_in(mount, "type"))) {
    return mount_source::disk;
  }
  if (is_bind(mount) && !belongs_to_kernel(string_in(mount, "source"))) {
    return mount_source::share;
  }
  return mount_source::guest;
}

void rewrite_disk(json::object& mount, const std::string& in_guest) {
  const auto options = options_in(mount);
  const bool read_only = std::find(options.begin(), options.end(), "ro") != options.end();
  mount["type"] = "bind";
  mount["source"] = in_guest;
  mount["options"] = json::array{"rbind", read_only ? "ro" : "rw"};
}

void rewrite_mounts(json::array& mounts, const spec::guest_names& names) {
  name_queue shares(names.bind_sources);
  name_queue disks(names.disks);
  for (auto& entry : mounts) {
    auto& mount = entry.as_object();
    switch (source_of(mount)) {
      case mount_source::disk:
        rewrite_disk(mount, disks.take());
        break;
      case mount_source::share:
        mount["source"] = shares.take();
        break;
      case mount_source::guest:
        break;
    }
  }
}

result<void> add_mounts(spec::host_objects& to, const json::array& mounts) {
  for (const auto& entry : mounts) {
    if (!entry.is_object()) {
      return invalid("mounts: not an object");
    }
    const auto& mount = entry.as_object();
    const auto source = string_in(mount, "source");
    switch (source_of(mount)) {
      case mount_source::disk:
        to.disks.push_back({string_in(mount, "type"), source, options_in(mount)});
        break;
      case mount_source::share:
        if (source.empty()) {
          return invalid("mounts: a bind mount without a source");
        }
        to.bind_sources.emplace_back(source);
        break;
      case mount_source::guest:
        break;
    }
  }
  return {};
}

// The list of linux.namespaces; nullptr if there is none.
const json::array* namespaces_in(const json::object& document) {
  const auto* linux = document.if_contains("linux");
  if (linux == nullptr || !linux->is_object()) {
    return nullptr;
  }
  const auto* namespaces = linux->as_object().if_contains("namespaces");
  return namespaces != nullptr ? namespaces->if_array() : nullptr;
}

void add_namespaces(spec::host_objects& to, const json::array& namespaces) {
  for (const auto& entry : namespaces) {
    if (entry.is_object() && has_path(entry.as_object())) {
      const auto& one = entry.as_object();
      to.namespaces.push_back({string_in(one, "type"), string_in(one, "path")});
    }
  }
}

}  // namespace

result<spec> spec::parse(const std::string& text) {
  auto document = parse_object(text);
  if (!document) {
    return std::move(document).error().in("config.json");
  }
  if (object_in(document.value(), "process") == nullptr) {
    return invalid("process is missing");
  }
  const auto* root = object_in(document.value(), "root");
  if (root == nullptr || string_in(*root, "path").empty()) {
    return invalid("root.path is missing");
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
  const auto* namespaces = namespaces_in(document_);
  if (namespaces == nullptr) {
    return {};
  }
  for (const auto& one : *namespaces) {
    if (one.is_object() && string_in(one.as_object(), "type") == "network") {
      return string_in(one.as_object(), "path");
    }
  }
  return {};
}

path spec::root(const path& bundle) const {
  return bundle / string_in(document_.at("root").as_object(), "path");
}

result<spec::host_objects> spec::names_of_host() const {
  host_objects found;
  const auto* mounts = document_.if_contains("mounts");
  if (mounts != nullptr && mounts->is_array()) {
    if (auto added = add_mounts(found, mounts->as_array()); !added) {
      return std::move(added).error();
    }
  }
  if (const auto* namespaces = namespaces_in(document_); namespaces != nullptr) {
    add_namespaces(found, *namespaces);
  }
  return found;
}

result<std::string> spec::for_guest(const guest_names& names) const {
  json::object document = document_;
  if (auto rewritten = rewrite_version(document); !rewritten) {
    return std::move(rewritten).error();
  }
  document["root"].as_object()["path"] = names.root;
  // Hooks are programs on the host.
  document.erase("hooks");
  rewrite_process(document["process"].as_object());
  if (auto* linux = object_in(document, "linux"); linux != nullptr) {
    rewrite_linux(*linux, names);
  } else {
    document["linux"] = json::object{{"cgroupsPath", names.cgroup}};
  }
  if (auto* mounts = array_in(document, "mounts"); mounts != nullptr) {
    rewrite_mounts(*mounts, names);
  }
  return json::serialize(document);
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
