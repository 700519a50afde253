#include "tests/e2e/harness/bare_shim.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "containerd/events/task.pb.h"
#include "tests/e2e/harness/command.hpp"

namespace e2e {

namespace task_api = ::containerd::task::v2;

// The sandbox's own id; no container has to have it.
bare_shim::bare_shim()
    : context_(1),
      shim_(directory_.path(), "contract"),
      events_(context_.get_executor(), shim_.events_address()) {
  constexpr std::string_view scheme = "unix://";
  const auto address = shim_.start();
  if (!address.starts_with(scheme)) {
    ADD_FAILURE() << "no address: " << address;
    return;
  }
  socket_ = address.substr(scheme.size());
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
  EXPECT_EQ(shim_.remove(), 0);
}

std::unique_ptr<shim_connection> bare_shim::connect(const std::string& service) {
  return std::make_unique<shim_connection>(context_, socket_, service);
}

std::vector<std::string> bare_shim::topics_of(const std::string& id) const {
  std::vector<std::string> topics;
  for (const auto& one : events_.taken) {
    // The container's id is the first field of each of these events.
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

}  // namespace e2e
