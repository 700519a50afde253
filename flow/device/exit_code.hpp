// Exit codes of hvsock-vsockd. The values follow <sysexits.h>.
#pragma once

namespace flow::device {

enum class exit_code : int {
  done = 0,             // the uplink ended, or the virtual machine did and all was delivered
  linger_timeout = 1,   // the virtual machine is gone and no reader took a byte for too long
  usage = 64,           // the command line is invalid
  software = 70,        // a bug: an exception reached main
  setup = 71,           // a descriptor or socket is unsuitable, or the confinement failed
  protocol = 76,        // the vhost-user front end violated the protocol
  denied_syscall = 77,  // the confinement caught a system call that is not on its list
};

}  // namespace flow::device
