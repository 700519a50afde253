#include "tests/e2e/harness/bare_shim.hpp"

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "containerd/events/task.pb.h"
#include "flow/file.hpp"

namespace e2e {

namespace json = boost::json;
namespace task_api = ::containerd::task::v2;

namespace {

// The sandbox's own id; no container needs to be called so.
constexpr const char* sandbox_id = "contract";

constexpr const char* plain_spec = R"({
  "ociVersion": "1.0.2",
  "process": {
    "user": {"uid": 0, "gid": 0},
    "args": [],
    "env": ["PATH=/bin"],
    "cwd": "/"
  },
  "root": {"path": ""},
  "hostname": "contract",
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

bare_shim::bare_shim() : context_(1), events_(context_.get_executor(), directory_ / "events") {
  make_root_file_system();
  make_bundle(sandbox_id, json::serialize(spec({"true"})));
  // What the shim logs; containerd has a FIFO here.
  EXPECT_TRUE(flow::write_file(path(sandbox_id) + "/log", ""));
  const auto started = invoke("start");
  EXPECT_EQ(started.status, 0) << started.err;
  constexpr std::string_view scheme = "unix://";
  if (!started.out.starts_with(scheme)) {
    ADD_FAILURE() << "no address: " << started.out;
    return;
  }
  socket_ = started.out.substr(scheme.size());
  connection_ = connect("containerd.task.v2.Task");
}

bare_shim::~bare_shim() {
  if (!connection_) {
    return;
  }
  const auto ended = connection_->call(
      [](const auto& task) { return task.shutdown(task_api::ShutdownRequest()); });
  EXPECT_TRUE(ended) << ended.error().message();
  connection_->run(events_.stop());
  connection_.reset();
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(socket_); }))
      << "a container is left, or the shim does not end";
  EXPECT_EQ(invoke("delete").status, 0);
}

run_result bare_shim::invoke(const std::string& action) const {
  const std::string bundle = path(sandbox_id);
  return run({"env", "-C", bundle, "TTRPC_ADDRESS=" + path("events"), HVSOCK_SHIM, "-namespace",
              "default", "-address", path("containerd.sock"), "-id", sandbox_id, "-bundle", bundle,
              action});
}

void bare_shim::make_root_file_system() const {
  const auto made = run({"sh", "-c",
                         "mkdir -p \"$0\" && cd \"$0\" && mkdir bin dev etc proc sys tmp &&"
                         "cp /bin/busybox bin && for a in $(/bin/busybox --list); do"
                         " [ $a = busybox ] || ln -s busybox bin/$a; done",
                         path("rootfs")});
  EXPECT_EQ(made.status, 0) << made.err;
}

json::object bare_shim::spec(std::vector<std::string> args) const {
  auto document = json::parse(plain_spec).as_object();
  document["root"].as_object()["path"] = path("rootfs");
  document["process"].as_object()["args"] = json::array(args.begin(), args.end());
  return document;
}

std::string bare_shim::make_bundle(const std::string& id, const std::string& config) const {
  const auto bundle = path(id);
  std::filesystem::create_directories(bundle + "/rootfs");
  EXPECT_TRUE(flow::write_file(bundle + "/config.json", config));
  return bundle;
}

std::unique_ptr<shim_connection> bare_shim::connect(const std::string& service) {
  return std::make_unique<shim_connection>(context_, socket_, service);
}

std::vector<std::string> bare_shim::topics_of(const std::string& id) const {
  std::vector<std::string> topics;
  for (const auto& one : events_.taken) {
    // The container's id is the first field of each of them.
    ::containerd::events::TaskPaused event;
    if (event.ParseFromString(one.envelope().event().value()) && event.container_id() == id) {
      topics.push_back(one.envelope().topic());
    }
  }
  return topics;
}

bool bare_shim::await_event(const std::string& id, const std::string& topic) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < limit) {
    const auto topics = topics_of(id);
    if (!topics.empty() && topics.back() == topic) {
      return true;
    }
    context_.restart();
    context_.run_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string bare_shim::log() const {
  return flow::read_file(path(sandbox_id) + "/log").value();
}

}  // namespace e2e
