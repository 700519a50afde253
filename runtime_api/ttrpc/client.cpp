#include "runtime_api/ttrpc/client.hpp"

#include "runtime_api/ttrpc/client_connection.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace ttrpc {

client::client(const boost::asio::any_io_executor& executor, std::unique_ptr<byte_stream> stream,
               flow::log& log, const limits& allowed)
    : connection_(std::make_shared<client_connection>(executor, std::move(stream), log, allowed)) {
  connection_->start();
}

client::~client() = default;

void client::close() {
  connection_->end(flow::error(code::unavailable, "connection closed"));
}

flow::awaitable<void> client::join() {
  return connection_->join();
}

const std::optional<flow::error>& client::failure() const noexcept {
  return connection_->failure();
}

}  // namespace ttrpc
