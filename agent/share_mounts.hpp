// What a container has of the host's file systems, held mounted for as long as it lives.
//
// Each entry of a container's directory in the share is a file system of its own to the guest
// (virtiofsd announces them), mounted by the kernel when somebody first goes there, and gone with
// the last mount of it. If that were the container's, it would go while the container's last
// process exits. Under load that was seen to end in "kernel BUG: Busy inodes after unmount of
// virtiofs" (Linux 6.1): the process is stuck in its exit, which is never told.
#pragma once

#include <string>

namespace agent {

// Goes to every entry of `directory`, so that it is mounted here before it is in a container.
// Nothing there is no error: what needs it will say so.
void hold_share(const std::string& directory);

// Unmounts them, when nothing is under way on them any more. No process uses them.
void release_share(const std::string& directory);

}  // namespace agent
