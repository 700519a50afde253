// The guest's view of the host's file systems: one directory per sandbox, with a bind mount for
// each root file system and each volume.
//
//   DIRECTORY/entries   created and filled by the shim
//   DIRECTORY/share     the same tree as virtiofsd serves it: read-only, except for the mounts
//                       below it
//
// The guest's root can write to any directory it is given. If that were the directory in which the
// shim works, it could place links in the shim's way, or fill the file system that holds its state.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "flow/error.hpp"

namespace shim {

class share {
 public:
  // `directory` is the sandbox's directory.
  explicit share(const std::filesystem::path& directory);

  flow::result<void> make();

  // Makes `source`, a directory or a file, visible to the guest, with everything mounted on it.
  // Returns the name of its entry, for release().
  //
  // A source that the guest already sees keeps its entry: to the guest, an entry is a file system,
  // and containers that are given the same volume expect a single one, in which they find each
  // other's sockets and locks.
  flow::result<std::string> add(const std::filesystem::path& source);

  // Undoes one add(); the last one removes the entry.
  flow::result<void> release(const std::string& name);

  // Unmounts everything and removes the directories. It is not an error if they do not exist.
  void remove();

  const std::filesystem::path& entries() const noexcept { return entries_; }
  const std::filesystem::path& view() const noexcept { return view_; }

 private:
  struct entry {
    std::string source;  // identity of the file or directory, from the kernel
    std::uint32_t users = 0;
  };

  flow::result<std::string> add_entry(const std::filesystem::path& source, std::string identity);

  std::filesystem::path entries_;
  std::filesystem::path view_;
  std::map<std::string, entry> added_;  // by name
  std::uint64_t next_ = 0;
};

}  // namespace shim
