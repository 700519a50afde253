// What the guest sees of the host's file systems: one directory per sandbox, with a bind mount for
// each root file system and each volume.
//
//   DIRECTORY/entries   made and filled by the shim
//   DIRECTORY/share     the same tree as virtiofsd serves it: read-only, except for what is mounted
//                       below it
//
// The guest's root can write to whatever it is given. If that were the directory we work in, it
// could put links in our way, or fill the file system our state is on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "flow/error.hpp"

namespace shim {

class share {
 public:
  // `directory` is the sandbox's.
  explicit share(const std::filesystem::path& directory);

  flow::result<void> make();

  // Lets the guest see `source`, a directory or a file, with everything mounted on it. Returns the
  // name of its entry, for release().
  //
  // What the guest sees already is that entry once more: an entry is a file system to the guest,
  // and containers that are given the same volume expect one, in which they find each other's
  // sockets and locks.
  flow::result<std::string> add(const std::filesystem::path& source);

  // Takes one add() back; the last takes the entry away.
  flow::result<void> release(const std::string& name);

  // Takes away what is mounted, and removes the directories. Nothing there is no error.
  void remove();

  const std::filesystem::path& entries() const noexcept { return entries_; }
  const std::filesystem::path& view() const noexcept { return view_; }

 private:
  struct entry {
    std::string source;  // the file or directory, as the kernel tells them apart
    std::uint32_t users = 0;
  };

  flow::result<std::string> add_entry(const std::filesystem::path& source, std::string identity);

  std::filesystem::path entries_;
  std::filesystem::path view_;
  std::map<std::string, entry> added_;  // by name
  std::uint64_t next_ = 0;
};

}  // namespace shim
