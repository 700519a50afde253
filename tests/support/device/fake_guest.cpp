#include "tests/support/device/fake_guest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace tests {
namespace {

using flow::device::vhost_user::request;

// Turns of the device before a wait fails; one turn of another process lasts 10 ms.
constexpr int patience = 2000;

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

fake_guest::fake_guest(flow::unique_fd socket, std::function<void()> turn, const options& o)
    : options_(o),
      turn_(std::move(turn)),
      receive_(ram_, 0x10000, o.queue_size),
      transmit_(ram_, 0x20000, o.queue_size),
      front_(std::move(socket), turn_) {}

void fake_guest::boot() {
  receive_.clear();
  transmit_.clear();
  free_slots_.clear();
  for (std::uint16_t slot = 0; slot < transmit_slots && slot * 2 < options_.queue_size; ++slot) {
    free_slots_.push_back(slot);
  }
  posted_ = 0;
  post_receive_buffers();
  negotiate();
  share_memory();
  resume({0, 0});
}

void fake_guest::negotiate() {
  const auto offered = front_.ask_u64(request::get_features);
  const auto protocol = front_.ask_u64(request::get_protocol_features);
  front_.send(request::set_protocol_features, protocol);
  front_.send_raw(static_cast<std::uint32_t>(request::set_owner), {});
  const auto event_index = std::uint64_t{1} << VIRTIO_RING_F_EVENT_IDX;
  front_.send(request::set_features, options_.event_index ? offered : offered & ~event_index);
}

void fake_guest::share_memory() {
  struct {
    flow::device::vhost_user::memory_table head{2, 0};
    std::array<flow::device::memory_region, 2> regions = guest_ram::regions();
  } table;
  const std::array descriptors{ram_.fd(), ram_.fd()};
  if (front_.acknowledged(request::set_mem_table, table, descriptors) != 0) {
    throw std::runtime_error("the memory is refused");
  }
}

void fake_guest::set_up_ring(std::uint32_t index, std::uint16_t base) {
  const auto& ring = index == 0 ? receive_ : transmit_;
  const auto where = ring.addresses();
  const std::uint64_t word = index;
  front_.send(request::set_vring_num, vhost_vring_state{index, ring.size()});
  front_.send(request::set_vring_base, vhost_vring_state{index, base});
  front_.send(request::set_vring_addr,
              vhost_vring_addr{index, 0, where.descriptors, where.used, where.available, 0});
  front_.send(request::set_vring_call, word, std::array{ring.call_fd()});
  front_.send(request::set_vring_err, word, std::array{ring.error_fd()});
  front_.send(request::set_vring_kick, word, std::array{ring.kick_fd()});
}

void fake_guest::enable(std::uint32_t index, bool on) {
  front_.send(request::set_vring_enable, vhost_vring_state{index, on ? 1U : 0U});
}

fake_guest::bases fake_guest::stop() {
  enable(0, false);
  enable(1, false);
  const auto base = [this](std::uint32_t index) {
    const vhost_vring_state s{index, 0};
    const auto answer = front_.ask(request::get_vring_base, bytes_of(s));
    vhost_vring_state got{};
    std::memcpy(&got, answer.data(), std::min(answer.size(), sizeof got));
    return static_cast<std::uint16_t>(got.num);
  };
  const auto receive = base(0);
  return {receive, base(1)};
}

void fake_guest::resume(const bases& from) {
  set_up_ring(0, from.receive);
  set_up_ring(1, from.transmit);
  enable(0, true);
  enable(1, true);
  settle();
}

flow::device::packet_header fake_guest::header(std::uint16_t op, std::uint32_t guest_port,
                                               std::uint32_t host_port) const {
  flow::device::packet_header h{};
  h.src_cid = options_.cid;
  h.dst_cid = flow::device::host_cid;
  h.src_port = guest_port;
  h.dst_port = host_port;
  h.type = VIRTIO_VSOCK_TYPE_STREAM;
  h.op = op;
  return h;
}

void fake_guest::collect_transmitted() {
  while (const auto used = transmit_.take_used()) {
    free_slots_.push_back(static_cast<std::uint16_t>(used->head / 2));
  }
}

void fake_guest::transmit_quietly(const flow::device::packet_header& header,
                                  std::string_view payload) {
  if (!until([this] {
        collect_transmitted();
        return !free_slots_.empty();
      })) {
    throw std::runtime_error("the device takes no packets");
  }
  const auto slot = free_slots_.back();
  free_slots_.pop_back();
  const auto at = transmit_buffer(slot);
  ram_.put(at, header);
  std::copy(payload.begin(), payload.end(), reinterpret_cast<char*>(ram_.at(at + 64)));
  const auto head = static_cast<std::uint16_t>(slot * 2);
  const auto second = static_cast<std::uint16_t>(head + 1);
  if (payload.empty()) {
    transmit_.describe(head, {at, sizeof header, 0, 0});
  } else {
    transmit_.describe(head, {at, sizeof header, VRING_DESC_F_NEXT, second});
    transmit_.describe(second, {at + 64, static_cast<std::uint32_t>(payload.size()), 0, 0});
  }
  transmit_.offer(head);
}

void fake_guest::transmit(const flow::device::packet_header& header, std::string_view payload) {
  auto h = header;
  h.len = static_cast<std::uint32_t>(payload.size());
  transmit_quietly(h, payload);
  kick();
}

void fake_guest::post_receive_buffers() {
  for (; posted_ < options_.receive_buffers; ++posted_) {
    receive_.describe(
        posted_, {receive_buffer(posted_), options_.receive_buffer_size, VRING_DESC_F_WRITE, 0});
    receive_.offer(posted_);
  }
  receive_.kick();
}

std::optional<packet> fake_guest::receive() {
  const auto used = receive_.take_used();
  if (!used) {
    return std::nullopt;
  }
  const auto at = receive_buffer(static_cast<std::uint16_t>(used->head));
  packet p;
  p.header = ram_.get<flow::device::packet_header>(at);
  p.payload.assign(reinterpret_cast<const char*>(ram_.at(at + sizeof p.header)), p.header.len);
  EXPECT_EQ(used->length, sizeof p.header + p.header.len);
  if (!hold_buffers_) {
    receive_.offer(static_cast<std::uint16_t>(used->head));
    receive_.kick();
  }
  return p;
}

packet fake_guest::expect() {
  std::optional<packet> p;
  if (!until([&] {
        p = receive();
        return p.has_value();
      })) {
    throw std::runtime_error("the device sends nothing");
  }
  return p.value_or(packet());
}

packet fake_guest::expect(std::uint16_t op) {
  auto p = expect();
  EXPECT_EQ(p.header.op, op);
  return p;
}

bool fake_guest::until(const std::function<bool()>& condition) {
  for (int i = 0; i < patience; ++i) {
    if (condition()) {
      return true;
    }
    turn_();
  }
  return condition();
}

void fake_guest::settle() {
  for (int i = 0; i < 10; ++i) {
    turn_();
  }
}

}  // namespace tests
