// How hvsock-vsockd ends. Values follow <sysexits.h>.
#pragma once

namespace flow::device {

enum class exit_code : int {
  done = 0,             // the uplink ended, or the virtual machine did and all was delivered
  linger_timeout = 1,   // the virtual machine is gone and no reader took a byte for too long
  usage = 64,           // the command line is wrong
  software = 70,        // a bug: an exception reached main
  setup = 71,           // a descriptor, a socket or the confinement is not as needed
  protocol = 76,        // the vhost-user front end broke the protocol
  denied_syscall = 77,  // the confinement caught a system call that is not on its list
};

}  // namespace flow::device
