// The file systems that the agent mounts for a container: on disks, and on top of those.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/storage/disks.hpp"
#include "agent/storage/os.hpp"
#include "flow/system/log.hpp"
#include "hvsock/agent/v1/agent.pb.h"

namespace agent {

class mounts {
 public:
  using mount_list = google::protobuf::RepeatedPtrField<hvsock::agent::v1::Mount>;

  // `system` and `log` must outlive the object.
  mounts(const flow::asio::any_io_executor& executor, os& system, flow::log& log);

  // Mounts them in order. Their targets must be below `directory`, a container's own, or else
  // invalid_argument. After an error nothing stays mounted.
  flow::awaitable<flow::result<void>> make(std::string directory, mount_list wanted);

  // Unmounts what was mounted for `directory`, last first; the disks then have everything that was
  // written. A file system that is still in use is logged.
  void remove(const std::string& directory);

 private:
  flow::awaitable<flow::result<void>> make_one(const std::string& directory,
                                               const hvsock::agent::v1::Mount& m);

  os& system_;
  flow::log& log_;
  disks disks_;
  std::map<std::string, std::vector<std::string>> made_;  // mount points, by directory
};

}  // namespace agent
