#include "flow/device/vhost_user/backend.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cstring>

#include "flow/device/virtio/linux_virtio.hpp"

namespace flow::device {
namespace {

using vhost_user::request;

constexpr std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}

constexpr std::uint64_t features = bit(VIRTIO_F_VERSION_1) | bit(VIRTIO_RING_F_EVENT_IDX) |
                                   bit(vhost_user::feature_protocol_features);
constexpr std::uint64_t protocol_features =
    bit(vhost_user::protocol_reply_ack) | bit(vhost_user::protocol_config);

// Allowed sizes and descriptors of each request. The size of the last three kinds is in their
// payload, and is checked when it is parsed.
struct request_form {
  request id;
  std::size_t least_size;
  std::size_t most_size;
  std::size_t most_descriptors;
};

constexpr std::size_t u64 = sizeof(std::uint64_t);
constexpr std::size_t state = sizeof(vhost_vring_state);
constexpr std::size_t table = sizeof(vhost_user::memory_table);
constexpr std::size_t config = sizeof(vhost_user::config);

constexpr std::array request_forms{
    request_form{request::get_features, 0, 0, 0},
    request_form{request::set_features, u64, u64, 0},
    request_form{request::set_owner, 0, 0, 0},
    request_form{request::reset_owner, 0, 0, 0},
    request_form{request::set_vring_num, state, state, 0},
    request_form{request::set_vring_addr, sizeof(vhost_vring_addr), sizeof(vhost_vring_addr), 0},
    request_form{request::set_vring_base, state, state, 0},
    request_form{request::get_vring_base, state, state, 0},
    request_form{request::set_vring_kick, u64, u64, 1},
    request_form{request::set_vring_call, u64, u64, 1},
    request_form{request::set_vring_err, u64, u64, 1},
    request_form{request::get_protocol_features, 0, 0, 0},
    request_form{request::set_protocol_features, u64, u64, 0},
    request_form{request::set_vring_enable, state, state, 0},
    request_form{request::set_mem_table, table,
                 table + vhost_user::max_regions * sizeof(memory_region), vhost_user::max_regions},
    request_form{request::get_config, config, config + vhost_user::max_config, 0},
    request_form{request::set_config, config, config + vhost_user::max_config, 0},
};

template <class T>
T read(std::span<const std::byte> payload, std::size_t offset = 0) {
  T value;
  std::memcpy(&value, payload.data() + offset, sizeof value);
  return value;
}

}  // namespace

std::uint64_t vhost_user_backend::offered_features() noexcept {
  return features;
}

std::uint64_t vhost_user_backend::offered_protocol_features() noexcept {
  return protocol_features;
}

vhost_user_backend::vhost_user_backend(event_loop& loop, log& log, vsock_device& device,
                                       std::uint64_t guest_cid, unique_fd socket,
                                       closed_handler on_closed)
    : loop_(loop),
      log_(log),
      device_(device),
      guest_cid_(guest_cid),
      channel_(std::move(socket)),
      on_closed_(std::move(on_closed)) {
  device_.on_broken([this] { device_broken(); });
}

vhost_user_backend::~vhost_user_backend() {
  device_.on_broken(nullptr);
  stop_device();
}

result<> vhost_user_backend::start() {
  auto watch = loop_.add(channel_.fd(), EPOLLIN, [this](std::uint32_t) { receive_messages(); });
  if (!watch) {
    return watch.error().in("front end");
  }
  watch_ = std::move(*watch);
  return {};
}

void vhost_user_backend::receive_messages() {
  while (!closed_) {
    vhost_user_message m;
    const auto received = channel_.receive(m);
    if (!received) {
      auto e = received.error();
      close(e.code() == boost::asio::error::eof ? std::nullopt : std::optional(std::move(e)));
      return;
    }
    if (!*received) {
      return;
    }
    if (auto handled = handle(m); !handled) {
      close(handled.error().in("request " + std::to_string(m.header.request)));
      return;
    }
  }
}

void vhost_user_backend::close(const std::optional<error>& why) {
  closed_ = true;
  watch_.reset();
  channel_ = vhost_user_channel({});
  stop_device();
  device_.guest_gone();
  memory_ = {};
  on_closed_(why);
}

// An error ends the connection. A request that is understood but cannot be honoured is an error
// only if the front end did not ask for an acknowledgement.
result<> vhost_user_backend::handle(vhost_user_message& m) {
  const auto form = std::find_if(
      request_forms.begin(), request_forms.end(),
      [&m](const request_form& f) { return static_cast<std::uint32_t>(f.id) == m.header.request; });
  if (form != request_forms.end() &&
      (m.payload.size() < form->least_size || m.payload.size() > form->most_size ||
       m.descriptors.size() > form->most_descriptors)) {
    return error(errc::protocol, "wrong payload size or number of descriptors");
  }
  const bool acknowledge =
      m.needs_reply() && (protocol_features_ & bit(vhost_user::protocol_reply_ack)) != 0;
  auto done = form == request_forms.end() ? result<>(error(errc::unsupported, "unknown request"))
                                          : dispatch(m);
  const auto id = static_cast<request>(m.header.request);
  const bool has_reply = id == request::get_features || id == request::get_protocol_features ||
                         id == request::get_vring_base || id == request::get_config;
  if (has_reply || !acknowledge) {
    return done;
  }
  if (!done) {
    log_.warning("vhost-user request refused",
                 {{"request", m.header.request}, {"err", done.error().message()}});
  }
  return get_u64(m, done ? 0 : 1);
}

result<> vhost_user_backend::dispatch(vhost_user_message& m) {
  switch (static_cast<request>(m.header.request)) {
    case request::get_features:
      return get_u64(m, features);
    case request::set_features:
      return set_features(m);
    case request::set_owner:
      return {};
    case request::reset_owner:
      // Deprecated; only its effect of disabling the rings remains.
      stop_device();
      for (auto& r : rings_) {
        r.enabled = false;
      }
      return {};
    case request::set_mem_table:
      return set_memory_table(m);
    case request::set_vring_num:
      return set_vring_num(m);
    case request::set_vring_addr:
      return set_vring_addresses(m);
    case request::set_vring_base:
      return set_vring_base(m);
    case request::get_vring_base:
      return get_vring_base(m);
    case request::set_vring_kick:
    case request::set_vring_call:
    case request::set_vring_err:
      return set_vring_descriptor(m);
    case request::get_protocol_features:
      return get_u64(m, protocol_features);
    case request::set_protocol_features:
      return set_protocol_features(m);
    case request::set_vring_enable:
      return set_vring_enable(m);
    case request::get_config:
      return get_config(m);
    case request::set_config:
      return error(errc::unsupported, "the configuration is read-only");
  }
  return error(errc::unsupported, "unknown request");
}

result<> vhost_user_backend::get_u64(const vhost_user_message& m, std::uint64_t value) {
  return channel_.reply(m, std::as_bytes(std::span(&value, 1)));
}

result<> vhost_user_backend::set_features(const vhost_user_message& m) {
  const auto wanted = read<std::uint64_t>(m.payload);
  if ((wanted & ~features) != 0 || (wanted & bit(VIRTIO_F_VERSION_1)) == 0) {
    return error(errc::unsupported, "features not offered, or not virtio 1");
  }
  if (device_.running() && wanted != features_) {
    return error(errc::protocol, "features changed while rings are running");
  }
  features_ = wanted;
  // Without features of the protocol there is no SET_VRING_ENABLE: rings are enabled.
  if ((features_ & bit(vhost_user::feature_protocol_features)) == 0) {
    for (auto& r : rings_) {
      r.enabled = true;
    }
  }
  return {};
}

result<> vhost_user_backend::set_protocol_features(const vhost_user_message& m) {
  const auto wanted = read<std::uint64_t>(m.payload);
  if ((wanted & ~protocol_features) != 0) {
    return error(errc::unsupported, "protocol features not offered");
  }
  protocol_features_ = wanted;
  return {};
}

result<> vhost_user_backend::set_memory_table(vhost_user_message& m) {
  const auto head = read<vhost_user::memory_table>(m.payload);
  if (head.count > vhost_user::max_regions ||
      m.payload.size() != sizeof head + head.count * sizeof(memory_region)) {
    return error(errc::protocol, "memory table has the wrong size");
  }
  std::array<memory_region, vhost_user::max_regions> regions{};
  std::memcpy(regions.data(), m.payload.data() + sizeof head, head.count * sizeof(memory_region));
  auto mapped = guest_memory::map(std::span(regions).first(head.count), m.descriptors);
  if (!mapped) {
    return mapped.error();
  }
  memory_ = std::move(*mapped);
  return relocate_rings();
}

result<> vhost_user_backend::get_config(const vhost_user_message& m) {
  virtio_vsock_config space{};
  space.guest_cid = guest_cid_;
  const auto bytes = std::as_bytes(std::span(&space, 1));
  const auto wanted = read<vhost_user::config>(m.payload);
  if (m.payload.size() != sizeof wanted + wanted.size || wanted.offset > bytes.size() ||
      wanted.size > bytes.size() - wanted.offset) {
    return channel_.reply(m, {});  // how the protocol reports a failure
  }
  std::array<std::byte, sizeof wanted + sizeof space> reply{};
  std::memcpy(reply.data(), &wanted, sizeof wanted);
  const auto part = bytes.subspan(wanted.offset, wanted.size);
  std::copy(part.begin(), part.end(), reply.begin() + sizeof wanted);
  return channel_.reply(m, std::span(reply).first(sizeof wanted + part.size()));
}

}  // namespace flow::device
