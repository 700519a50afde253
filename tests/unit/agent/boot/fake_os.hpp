// A machine that is only written down.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/storage/os.hpp"

namespace tests {

class fake_os final : public agent::os {
 public:
  // The `n`th operation from the first fails, with "broken" as its context. 0: none.
  std::size_t fail_at = 0;

  std::map<std::string, std::string> files;
  std::map<std::string, std::vector<std::string>> directories;

  // What was done, in order: "mount proc on /proc as proc".
  std::vector<std::string> done;

  unsigned long last_mount_flags = 0;
  std::string last_mount_data;

  bool did(const std::string& operation) const;

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

 private:
  flow::result<void> note(std::string operation);
};

// One that boots with `parameters` on its kernel command line.
void make_bootable(fake_os& system, const std::string& parameters);

}  // namespace tests
