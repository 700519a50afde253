// File systems that a container is given as disks, and what is mounted on top of them.
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

  // Given objects outlive this one.
  mounts(const flow::asio::any_io_executor& executor, os& system, flow::log& log);

  // Makes them in order. Their targets must be below `directory`, a container's own. On an error
  // nothing stays mounted.
  flow::awaitable<flow::result<void>> make(std::string directory, mount_list wanted);

  // Takes away what was made for `directory`, last first; what was written is on the disks then.
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
