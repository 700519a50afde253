#include "runtime_api/ttrpc/call_context.hpp"

namespace ttrpc {

call_context::call_context(boost::asio::any_io_executor executor)
    : cancellation_(std::move(executor)) {}

call_context::call_context(boost::asio::any_io_executor executor, std::string what,
                           ttrpc::metadata values, std::optional<time_point> deadline)
    : what_(std::move(what)),
      metadata_(std::move(values)),
      deadline_(deadline),
      cancellation_(std::move(executor)) {}

std::optional<std::string_view> call_context::metadata(std::string_view key) const noexcept {
  for (const auto& [name, value] : metadata_) {
    if (name == key) {
      return value;
    }
  }
  return std::nullopt;
}

void call_context::cancel(flow::error reason) {
  if (cancelled()) {
    return;
  }
  reason_ = std::move(reason);
  stop_.request_stop();
  cancellation_.notify_all();
}

}  // namespace ttrpc
