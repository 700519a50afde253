// A shim that a test starts in containerd's place and calls itself: every call, every version of
// the bootstrap, and several containers in one machine.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "containerd/runtime/sandbox/v1/sandbox.ttrpc.hpp"
#include "containerd/task/v2/task.ttrpc.hpp"
#include "flow/asio.hpp"
#include "flow/system/log.hpp"
#include "runtime_api/ttrpc/client.hpp"
#include "tests/e2e/harness/command.hpp"

namespace e2e {

class standalone_shim {
 public:
  // Bundles and the file system of all containers are in `directory`. The shim publishes its events
  // at directory/events.
  standalone_shim(std::filesystem::path directory, std::string id);

  // Runs the action `start` with `input` on its stdin; returns its output. It must succeed.
  std::string start(const std::string& input = "");

  // The same for a container of this sandbox, in its bundle.
  run_result try_start(const std::string& container, const std::string& input);

  // Runs the action `delete`; returns its exit status.
  int remove();

  // The specification of a container that runs `args` on a busybox shared by all.
  boost::json::object spec(const std::vector<std::string>& args) const;

  // Creates a bundle with this config.json; returns its path.
  std::string write_bundle(const std::string& container, const std::string& config) const;

  // Creates a bundle for a container of this sandbox. `namespaces` is the list of
  // the specification.
  std::string make_bundle(const std::string& container, const std::vector<std::string>& command,
                          const std::string& namespaces = own_namespaces) const;

  std::string bundle(const std::string& container) const;

  // The shim's log.
  std::string log() const;

  std::string events_address() const { return directory_ / "events"; }
  std::string address() const { return address_in(id_); }
  std::string address_in(const std::string& container) const;

  static constexpr const char* own_namespaces =
      R"([{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"network"}])";

 private:
  run_result run_action(const std::string& container, const std::string& action,
                        const std::string& input);

  std::filesystem::path directory_;
  std::string id_;
};

// A connection to a standalone shim, with both services.
class standalone_connection {
 public:
  standalone_connection(flow::asio::any_io_executor executor, flow::log& log);

  flow::awaitable<void> open(std::string address);
  flow::awaitable<void> close();

  const ::containerd::task::v2::task_client& task() const { return *task_; }
  const ::containerd::runtime::sandbox::v1::sandbox_client& sandbox() const { return *sandbox_; }

 private:
  flow::asio::any_io_executor executor_;
  flow::log& log_;
  std::unique_ptr<ttrpc::client> client_;
  std::unique_ptr<::containerd::task::v2::task_client> task_;
  std::unique_ptr<::containerd::runtime::sandbox::v1::sandbox_client> sandbox_;
};

}  // namespace e2e
