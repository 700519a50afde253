#include "agent/share_mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <filesystem>
#include <vector>

#include "flow/unique_fd.hpp"

namespace agent {
namespace {

// What a process had asked for when it ended (reads ahead) may still hold inodes. virtiofsd answers
// in order, batch by batch, so an answer that is waited for comes behind the batch before it.
constexpr int questions = 8;

std::vector<std::string> entries_of(const std::string& directory) {
  std::vector<std::string> entries;
  std::error_code ec;
  for (std::filesystem::directory_iterator i(directory, ec), end; !ec && i != end;
       i.increment(ec)) {
    entries.push_back(i->path().string());
  }
  return entries;
}

}  // namespace

void hold_share(const std::string& directory) {
  for (const auto& entry : entries_of(directory)) {
    // Files are no mounts of their own; they fail here.
    const flow::unique_fd visit(::open(entry.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
}

void release_share(const std::string& directory) {
  for (const auto& entry : entries_of(directory)) {
    for (int i = 0; i < questions; ++i) {
      struct statfs answer{};
      ::statfs(entry.c_str(), &answer);
    }
    ::umount2(entry.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }
}

}  // namespace agent
