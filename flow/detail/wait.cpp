#include "flow/detail/wait.hpp"

#include "flow/unique_handler.hpp"

namespace flow::detail {
namespace {

class resumption final : public transport_waiter {
 public:
  explicit resumption(unique_handler<void()> handler) : handler_(std::move(handler)) {}

  void on_ready(wait_type /*type*/) override { std::move(handler_)(); }

 private:
  unique_handler<void()> handler_;
};

}  // namespace

awaitable<void> wait(transport& t, transport::wait_type type) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [](auto handler, transport* waited, transport::wait_type what) {
        waited->async_wait(what, new resumption(std::move(handler)));
      },
      asio::use_awaitable, &t, type);
}

}  // namespace flow::detail
