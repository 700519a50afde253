#include "tests/e2e/harness/bare_task.hpp"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>

#include "flow/system/file.hpp"
#include "tests/e2e/harness/command.hpp"

namespace e2e {

namespace task_api = ::containerd::task::v2;
namespace json = boost::json;

namespace {

template <class Result>
std::string failure_of(const Result& r) {
  return r ? std::string() : r.error().message();
}

}  // namespace

std::string make_system_tree(const std::filesystem::path& directory) {
  const auto made = run({"sh", "-c", "t=" + directory.string() + R"(
      mkdir -p $t/bin $t/dev $t/proc && cp /bin/busybox $t/bin &&
      for a in sh cat ls seq; do ln -s busybox $t/bin/$a || exit; done)"});
  EXPECT_EQ(made.status, 0) << made.err;
  return directory;
}

bare_task::bare_task(const std::filesystem::path& directory, std::string id,
                     std::vector<std::string> args)
    : id_(std::move(id)), shim_(directory, id_) {
  auto config = shim_.spec(args);
  config["root"].as_object()["path"] = "rootfs";
  // The root file system may be read-only, and may contain nothing but these.
  config["mounts"].as_array().resize(2);
  bundle_ = shim_.write_bundle(id_, json::serialize(config));
  shim_.start();
  connection_ = std::make_unique<shim_connection>(bundle_);
  const auto log = "file://" + bundle_ + "/output";
  request_.set_id(id_);
  request_.set_bundle(bundle_);
  request_.set_stdout(log);
  request_.set_stderr(log);
}

bare_task::~bare_task() {
  remove();
  task_api::ShutdownRequest request;
  request.set_id(id_);
  connection_->call([&](const auto& task) { return task.shutdown(request); });
  connection_.reset();
  shim_.remove();
  std::error_code ec;
  std::filesystem::remove_all(bundle_, ec);
}

void bare_task::mount(const std::string& type, const std::string& source,
                      std::vector<std::string> options) {
  auto& m = *request_.add_rootfs();
  m.set_type(type);
  m.set_source(source);
  for (auto& option : options) {
    m.add_options(std::move(option));
  }
}

void bare_task::mount_volume(const std::string& type, const std::string& source,
                             const std::string& destination) {
  const auto file = bundle_ + "/config.json";
  auto config = json::parse(flow::read_file(file).value()).as_object();
  config["mounts"].as_array().push_back(
      {{"type", type}, {"source", source}, {"destination", destination}});
  EXPECT_TRUE(flow::write_file(file, json::serialize(config)));
}

void bare_task::connect_stdio() {
  request_.set_stdin("ttrpc+unix:///here?streaming_id=stdin");
  request_.set_stdout("ttrpc+unix:///here?streaming_id=stdout");
  request_.clear_stderr();
}

void bare_task::kill_shim() {
  task_api::ConnectRequest request;
  request.set_id(id_);
  const auto found = connection_->call([&](const auto& task) { return task.connect(request); });
  ASSERT_TRUE(found) << found.error().message();
  const auto pid = static_cast<pid_t>(found.value().shim_pid());
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return ::kill(pid, 0) != 0; }));
}

std::string bare_task::create() {
  return failure_of(connection_->call([&](const auto& task) { return task.create(request_); }));
}

std::string bare_task::start() {
  task_api::StartRequest request;
  request.set_id(id_);
  return failure_of(connection_->call([&](const auto& task) { return task.start(request); }));
}

std::uint32_t bare_task::wait() {
  task_api::WaitRequest request;
  request.set_id(id_);
  const auto waited = connection_->call([&](const auto& task) { return task.wait(request); });
  return waited ? waited.value().exit_status() : ~0U;
}

std::string bare_task::remove() {
  task_api::DeleteRequest request;
  request.set_id(id_);
  return failure_of(connection_->call([&](const auto& task) { return task.delete_(request); }));
}

std::string bare_task::output() const {
  const auto text = flow::read_file(bundle_ + "/output");
  return text ? text.value() : text.error().message();
}

std::string bare_task::run() {
  for (const auto step : {&bare_task::create, &bare_task::start}) {
    if (auto failure = (this->*step)(); !failure.empty()) {
      return failure;
    }
  }
  wait();
  auto text = output();
  auto failure = remove();
  return failure.empty() ? text : failure;
}

}  // namespace e2e
