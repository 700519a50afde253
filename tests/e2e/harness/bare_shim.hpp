// A shim without containerd: started by its own `start` in a bundle of ours, called over its
// socket, its events taken and kept.
//
// It serves one sandbox, so one virtual machine, for any number of containers.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/harness/command.hpp"
#include "tests/e2e/harness/raw_connection.hpp"
#include "tests/e2e/harness/shim_connection.hpp"
#include "tests/temporary_directory.hpp"
#include "tests/unit/shim/fake_containerd.hpp"

namespace e2e {

class bare_shim {
 public:
  bare_shim();
  bare_shim(const bare_shim&) = delete;
  bare_shim& operator=(const bare_shim&) = delete;

  // Asks it to end, and waits until it has. No container may be left.
  ~bare_shim();

  // An OCI specification of a container that runs `args` on a busybox of its own.
  boost::json::object spec(std::vector<std::string> args) const;

  // A directory with this config.json. Returns its name.
  std::string make_bundle(const std::string& id, const std::string& config) const;

  // Where things can be put that go with the shim.
  std::string path(const std::string& name) const { return directory_ / name; }

  shim_connection& connection() { return *connection_; }
  std::unique_ptr<shim_connection> connect(const std::string& service);
  raw_connection connect_raw() const { return raw_connection(socket_); }

  // The events of one container that containerd was told so far: "/tasks/start".
  std::vector<std::string> topics_of(const std::string& id) const;

  // Waits until the container's last event is `topic`; false if a minute passed.
  bool await_event(const std::string& id, const std::string& topic);

  std::string log() const;

 private:
  void make_root_file_system() const;
  run_result invoke(const std::string& action) const;

  tests::temporary_directory directory_;
  flow::asio::io_context context_;
  tests::fake_containerd events_;
  std::string socket_;
  std::unique_ptr<shim_connection> connection_;
};

}  // namespace e2e
