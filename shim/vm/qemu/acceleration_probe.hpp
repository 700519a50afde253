// Whether a guest of ours really runs on this host's KVM.
//
// That /dev/kvm opens says little: on a host whose KVM is itself a guest's, QEMU may abort on a
// register it cannot set, or the kernel may hang at boot. So the very guest is booted, up to its
// first word, once per boot of the host; the answer is kept in the state directory.
#pragma once

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"
#include "shim/vm/machine_description.hpp"
#include "shim/vm/qemu/command.hpp"

namespace shim {

// How to run the guest of `d`: as its description wants it; automatic is KVM if the probe succeeds,
// otherwise TCG. `log` outlives the call. The error is the state directory's.
flow::awaitable<flow::result<acceleration>> choose_acceleration(
    flow::asio::any_io_executor executor, machine_description d, machine_paths paths,
    flow::log& log);

}  // namespace shim
