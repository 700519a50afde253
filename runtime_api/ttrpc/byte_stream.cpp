#include "runtime_api/ttrpc/byte_stream.hpp"

namespace ttrpc::detail {

void consume(std::span<boost::asio::const_buffer>& buffers, std::size_t n) noexcept {
  while (!buffers.empty() && buffers.front().size() <= n) {
    n -= buffers.front().size();
    buffers = buffers.subspan(1);
  }
  if (n != 0) {
    buffers.front() += n;
  }
}

}  // namespace ttrpc::detail
