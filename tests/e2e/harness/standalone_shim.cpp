#include "tests/e2e/harness/standalone_shim.hpp"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/unix_socket.hpp"
#include "tests/e2e/harness/containerd.hpp"

namespace e2e {

namespace json = boost::json;

namespace {

constexpr const char* plain_spec = R"({
  "ociVersion": "1.0.2",
  "process": {
    "user": {"uid": 0, "gid": 0},
    "args": [],
    "env": ["PATH=/bin"],
    "cwd": "/"
  },
  "root": {"path": ""},
  "hostname": "standalone",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}
  ],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
                   {"type": "network"}, {"type": "cgroup"}]
  }
})";

}  // namespace

standalone_shim::standalone_shim(std::filesystem::path directory, std::string id)
    : directory_(std::move(directory)), id_(std::move(id)) {
  const auto made = run({"sh", "-c",
                         "mkdir -p \"$0\" && cd \"$0\" && mkdir -p bin dev etc proc sys tmp &&"
                         "cp /bin/busybox bin && for a in $(/bin/busybox --list); do"
                         " [ $a = busybox ] || ln -sf busybox bin/$a; done",
                         (directory_ / "rootfs").string()});
  EXPECT_EQ(made.status, 0) << made.err;
  make_bundle(id_, {"true"});
}

json::object standalone_shim::spec(const std::vector<std::string>& args) const {
  auto document = json::parse(plain_spec).as_object();
  document["root"].as_object()["path"] = (directory_ / "rootfs").string();
  document["process"].as_object()["args"] = json::array(args.begin(), args.end());
  return document;
}

std::string standalone_shim::bundle(const std::string& container) const {
  return directory_ / ("bundle-" + container);
}

std::string standalone_shim::write_bundle(const std::string& container,
                                          const std::string& config) const {
  const std::string where = bundle(container);
  std::filesystem::create_directories(where + "/rootfs");
  EXPECT_TRUE(flow::write_file(where + "/config.json", config));
  return where;
}

std::string standalone_shim::make_bundle(const std::string& container,
                                         const std::vector<std::string>& command,
                                         const std::string& namespaces) const {
  auto document = spec(command);
  document.erase("hostname");
  document["root"].as_object()["readonly"] = true;
  const json::array privileges{"CAP_SYS_ADMIN"};
  document["process"].as_object()["capabilities"] = {
      {"bounding", privileges}, {"permitted", privileges}, {"effective", privileges}};
  document["linux"].as_object()["namespaces"] = json::parse(namespaces);
  document["annotations"] = {{"io.containerd.runc.v2.group", id_}};
  return write_bundle(container, json::serialize(document));
}

run_result standalone_shim::run_action(const std::string& container, const std::string& action,
                                       const std::string& input) {
  const std::string where = bundle(container);
  EXPECT_TRUE(flow::write_file(where + "/log", ""));
  // The private containerd's directory identifies the shim as one of the tests'.
  return run(
      {"env", "TTRPC_ADDRESS=" + events_address(), "TESTS=" + private_containerd::directory(),
       HVSOCK_SHIM, "-namespace", "default", "-address", (directory_ / "containerd.sock").string(),
       "-publish-binary", "/bin/true", "-id", container, "-debug", "-bundle", where, action},
      {.input = input, .directory = where});
}

std::string standalone_shim::start(const std::string& input) {
  const auto started = try_start(id_, input);
  EXPECT_EQ(started.status, 0) << started.err;
  EXPECT_EQ(started.err, "") << "containerd reads it as a part of the answer";
  return started.out;
}

run_result standalone_shim::try_start(const std::string& container, const std::string& input) {
  return run_action(container, "start", input);
}

int standalone_shim::remove() {
  return run_action(id_, "delete", "").status;
}

std::string standalone_shim::address_in(const std::string& container) const {
  const auto address = flow::read_file(bundle(container) + "/address");
  return address ? address.value() : "";
}

std::string standalone_shim::log() const {
  const auto text = flow::read_file(bundle(id_) + "/log");
  return text ? text.value() : "";
}

standalone_connection::standalone_connection(flow::asio::any_io_executor executor, flow::log& log)
    : executor_(std::move(executor)), log_(log) {}

flow::awaitable<void> standalone_connection::open(std::string address) {
  const std::string path = address.substr(std::string("unix://").size());
  auto stream = co_await ttrpc::connect_unix(path);
  EXPECT_TRUE(stream) << stream.error().message();
  client_ = std::make_unique<ttrpc::client>(executor_, std::move(stream.value()), log_);
  task_ = std::make_unique<::containerd::task::v2::task_client>(*client_);
  sandbox_ = std::make_unique<::containerd::runtime::sandbox::v1::sandbox_client>(*client_);
}

flow::awaitable<void> standalone_connection::close() {
  client_->close();
  co_await client_->join();
}

}  // namespace e2e
