#include "flow/clock.hpp"

#include <boost/asio/execution_context.hpp>

namespace flow {

namespace {

class real_clock final : public clock {
 public:
  time_point now() const noexcept override { return std::chrono::steady_clock::now(); }
  void arm(asio::steady_timer& timer, time_point limit) override { timer.expires_at(limit); }
  void disarm(asio::steady_timer& /*timer*/) noexcept override {}
};

// One per execution context, created on first use.
class clock_service final : public asio::execution_context::service {
 public:
  using key_type = clock_service;
  inline static asio::execution_context::id id;

  explicit clock_service(asio::execution_context& context) : service(context) {}

  real_clock real;
  clock* installed = nullptr;

 private:
  void shutdown() override {}
};

clock_service& service_of(const asio::any_io_executor& executor) {
  return asio::use_service<clock_service>(asio::query(executor, asio::execution::context));
}

}  // namespace

clock& clock::of(const asio::any_io_executor& executor) {
  auto& service = service_of(executor);
  return service.installed != nullptr ? *service.installed : service.real;
}

void clock::install(const asio::any_io_executor& executor, clock* other) {
  service_of(executor).installed = other;
}

}  // namespace flow
