#include "shim/vm/factory.hpp"

#include "shim/vm/qemu/machine.hpp"

namespace shim {

std::unique_ptr<machine> make_machine(const flow::asio::any_io_executor& executor,
                                      machine_description description, machine_paths paths,
                                      flow::log& log) {
  return std::make_unique<qemu_machine>(executor, std::move(description), std::move(paths), log);
}

}  // namespace shim
