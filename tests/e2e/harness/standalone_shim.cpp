#include "tests/e2e/harness/standalone_shim.hpp"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "flow/file.hpp"
#include "runtime_api/ttrpc/unix_socket.hpp"
#include "tests/e2e/harness/containerd.hpp"

namespace e2e {

standalone_shim::standalone_shim(std::filesystem::path directory, std::string id)
    : directory_(std::move(directory)), id_(std::move(id)) {
  const auto made =
      run({"sh", "-c",
           "mkdir -p rootfs/bin rootfs/proc rootfs/dev rootfs/tmp && cp /bin/busybox rootfs/bin && "
           "for name in sh sleep true cat echo hostname ls kill ip readlink; do "
           "ln -sf busybox rootfs/bin/$name; done"},
          {.directory = directory_.string()});
  EXPECT_EQ(made.status, 0) << made.err;
  make_bundle(id_, {"true"});
}

std::string standalone_shim::bundle(const std::string& container) const {
  return directory_ / ("bundle-" + container);
}

std::string standalone_shim::make_bundle(const std::string& container,
                                         const std::vector<std::string>& command,
                                         const std::string& namespaces) {
  const std::string where = bundle(container);
  std::filesystem::create_directories(where + "/rootfs");
  const std::string arguments =
      boost::json::serialize(boost::json::array(command.begin(), command.end()));
  EXPECT_TRUE(flow::write_file(
      where + "/config.json",
      R"({"ociVersion":"1.0.2","process":{"args":)" + arguments +
          R"(,"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0},"capabilities":{"bounding":["CAP_SYS_ADMIN"],"permitted":["CAP_SYS_ADMIN"],"effective":["CAP_SYS_ADMIN"]}},"root":{"path":")" +
          (directory_ / "rootfs").string() +
          R"(","readonly":true},"mounts":[{"destination":"/proc","type":"proc","source":"proc"},)"
          R"({"destination":"/dev","type":"tmpfs","source":"tmpfs"}],"linux":{"namespaces":)" +
          namespaces + R"(},"annotations":{"io.containerd.runc.v2.group":")" + id_ + R"("}})"));
  return where;
}

run_result standalone_shim::run_action(const std::string& container, const std::string& action,
                                       const std::string& input) {
  const std::string where = bundle(container);
  EXPECT_TRUE(flow::write_file(where + "/log", ""));
  // By the private containerd's directory the shim is known for one of the tests'.
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
