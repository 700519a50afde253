#include "shim/state/program_path.hpp"

#include <filesystem>
#include <system_error>

namespace shim {

std::string program_path() {
  std::error_code ec;
  return std::filesystem::read_symlink("/proc/self/exe", ec).string();
}

}  // namespace shim
