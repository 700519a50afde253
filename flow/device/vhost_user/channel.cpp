#include "flow/device/vhost_user/channel.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "flow/device/vhost_user/guest_memory.hpp"
#include "flow/system/scm_rights.hpp"

namespace flow::device {
namespace {

constexpr std::size_t header_size = sizeof(vhost_user::header);

constexpr std::size_t max_payload_size =
    std::max(sizeof(vhost_user::memory_table) + vhost_user::max_regions * sizeof(memory_region),
             sizeof(vhost_user::config) + vhost_user::max_config);

}  // namespace

result<bool> vhost_user_channel::fill(std::span<std::byte> into) {
  while (!into.empty()) {
    const auto n = receive_with_descriptors(socket_.get(), into, pending_.descriptors);
    if (!n) {
      auto e = n.error();
      if (e.code() == boost::system::errc::operation_would_block) {
        return false;
      }
      return e;
    }
    if (*n == 0) {
      return filled_ == 0
                 ? error(boost::asio::error::make_error_code(boost::asio::error::eof), "front end")
                 : error(errc::truncated, "front end");
    }
    if (pending_.descriptors.size() > max_descriptors) {
      return error(errc::protocol, "more descriptors than a message may carry");
    }
    filled_ += *n;
    into = into.subspan(*n);
  }
  return true;
}

result<bool> vhost_user_channel::receive(vhost_user_message& message) {
  if (filled_ < header_size) {
    const auto bytes = std::as_writable_bytes(std::span(&pending_.header, 1)).subspan(filled_);
    auto full = fill(bytes);
    if (!full || !*full) {
      return full;
    }
    const auto& h = pending_.header;
    if ((h.flags & vhost_user::version_mask) != vhost_user::version ||
        (h.flags & vhost_user::flag_reply) != 0) {
      return error(errc::protocol, "not a vhost-user request of version 1");
    }
    if (h.size > max_payload_size) {
      return error(errc::protocol, "request " + std::to_string(h.request) + " of " +
                                       std::to_string(h.size) + " bytes");
    }
    pending_.payload.resize(h.size);
  }
  auto full = fill(std::span(pending_.payload).subspan(filled_ - header_size));
  if (full && *full) {
    filled_ = 0;
    message = std::exchange(pending_, {});
  }
  return full;
}

result<> vhost_user_channel::reply(const vhost_user_message& to,
                                   std::span<const std::byte> payload) {
  const vhost_user::header header{to.header.request, vhost_user::version | vhost_user::flag_reply,
                                  static_cast<std::uint32_t>(payload.size())};
  std::vector<std::byte> bytes(header_size + payload.size());
  std::memcpy(bytes.data(), &header, header_size);
  std::copy(payload.begin(), payload.end(), bytes.begin() + header_size);
  return send_with_descriptors(socket_.get(), bytes, {});
}

}  // namespace flow::device
