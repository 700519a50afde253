// What the guest sees of the host's file systems: one directory per sandbox, with a bind mount for
// each root file system and each volume.
//
//   DIRECTORY/entries   made and filled by the shim
//   DIRECTORY/share     the same tree as virtiofsd serves it: read-only, but for what is mounted in
//   it
//
// The guest's root can write to whatever it is given. If that were the directory we work in, it
// could put links in our way, or fill the file system our state is on.
#pragma once

#include <filesystem>

#include "flow/error.hpp"

namespace shim {

class share {
 public:
  // `directory` is the sandbox's.
  explicit share(const std::filesystem::path& directory);

  flow::result<void> make();

  // Takes away what is mounted, and removes the directories. Nothing there is no error.
  void remove();

  const std::filesystem::path& entries() const noexcept { return entries_; }
  const std::filesystem::path& view() const noexcept { return view_; }

 private:
  std::filesystem::path entries_;
  std::filesystem::path view_;
};

}  // namespace shim
