// What boot and mounts do to the machine itself: mounts, its root, modules, its network, and the
// directories and files that go with them. A seam: a test asserts what would be done without having
// it done.
//
// It does not cover the rest of the agent. Containers, their cgroups and the share work in
// directories that they are given, so their tests run for real, in directories of their own; they
// call the kernel directly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flow/error.hpp"

namespace agent {

class os {
 public:
  os() = default;
  os(const os&) = delete;
  os& operator=(const os&) = delete;
  virtual ~os() = default;

  virtual flow::result<void> mount(const std::string& source, const std::string& target,
                                   const std::string& type, unsigned long flags,
                                   const std::string& data) = 0;
  // Never leaves the target mounted here; an error means that the file system is still in use.
  virtual flow::result<void> unmount(const std::string& target) = 0;

  // Both: ok if it exists, which is then left as it is.
  virtual flow::result<void> make_directory(const std::string& path) = 0;
  virtual flow::result<void> make_directory(const std::string& path, std::uint32_t mode,
                                            std::uint32_t uid, std::uint32_t gid) = 0;
  virtual flow::result<void> change_directory(const std::string& path) = 0;
  virtual flow::result<void> change_root(const std::string& path) = 0;  // and enters it
  virtual flow::result<void> write_file(const std::string& path, std::string_view text) = 0;
  virtual flow::result<std::string> read_file(const std::string& path) = 0;
  virtual flow::result<void> load_module(
      const std::string& path) = 0;  // ok if it is loaded already

  // A network interface of the guest itself.
  virtual flow::result<void> bring_up(const std::string& interface) = 0;

  // Names of a directory's entries, sorted.
  virtual flow::result<std::vector<std::string>> list_directory(const std::string& path) = 0;
};

// The real one.
class linux_os final : public os {
 public:
  flow::result<void> mount(const std::string& source, const std::string& target,
                           const std::string& type, unsigned long flags,
                           const std::string& data) override;
  flow::result<void> unmount(const std::string& target) override;
  flow::result<void> make_directory(const std::string& path) override;
  flow::result<void> make_directory(const std::string& path, std::uint32_t mode, std::uint32_t uid,
                                    std::uint32_t gid) override;
  flow::result<void> change_directory(const std::string& path) override;
  flow::result<void> change_root(const std::string& path) override;
  flow::result<void> write_file(const std::string& path, std::string_view text) override;
  flow::result<std::string> read_file(const std::string& path) override;
  flow::result<void> load_module(const std::string& path) override;
  flow::result<void> bring_up(const std::string& interface) override;
  flow::result<std::vector<std::string>> list_directory(const std::string& path) override;
};

}  // namespace agent
