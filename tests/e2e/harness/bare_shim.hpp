// A running standalone shim, called over its socket; its events are recorded.
//
// It serves one sandbox, so one virtual machine, for any number of containers.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/harness/raw_connection.hpp"
#include "tests/e2e/harness/shim_connection.hpp"
#include "tests/e2e/harness/standalone_shim.hpp"
#include "tests/support/fake_containerd.hpp"
#include "tests/support/temporary_directory.hpp"

namespace e2e {

class bare_shim {
 public:
  bare_shim();
  bare_shim(const bare_shim&) = delete;
  bare_shim& operator=(const bare_shim&) = delete;

  // Asks the shim to end, and waits until it has. No container may be left.
  ~bare_shim();

  const standalone_shim& standalone() const { return shim_; }
  boost::json::object spec(const std::vector<std::string>& args) const { return shim_.spec(args); }

  // A directory for files that are removed with the shim.
  std::string path(const std::string& name) const { return directory_ / name; }

  shim_connection& connection() { return *connection_; }
  std::unique_ptr<shim_connection> connect(const std::string& service);
  raw_connection connect_raw() const { return raw_connection(socket_); }

  // The topics of the events published for one container so far: "/tasks/start".
  std::vector<std::string> topics_of(const std::string& id) const;

  // Waits until the container's last event is `topic`; false if a minute passed.
  bool await_event(const std::string& id, const std::string& topic);

  std::string log() const { return shim_.log(); }

 private:
  tests::temporary_directory directory_;
  flow::asio::io_context context_;
  standalone_shim shim_;
  tests::fake_containerd events_;
  std::string socket_;
  std::unique_ptr<shim_connection> connection_;
};

}  // namespace e2e
