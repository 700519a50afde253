#include "tests/unit/shim/private_mounts.hpp"

#include <sched.h>
#include <sys/mount.h>

namespace tests {

bool enter_private_mounts() {
  static const bool entered =
      ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0;
  return entered;
}

}  // namespace tests
