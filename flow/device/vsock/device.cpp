#include "flow/device/vsock/device.hpp"

#include <algorithm>
#include <limits>

namespace flow::device {
namespace {

// Ports of connections that begin on the host, as other hybrid devices number them.
constexpr std::uint32_t first_host_port = 1U << 30U;

}  // namespace

vsock_device::vsock_device(event_loop& loop, log& log, connector& connector,
                           std::uint64_t guest_cid, std::size_t connection_limit)
    : loop_(loop),
      log_(log),
      connector_(connector),
      guest_cid_(guest_cid),
      connection_limit_(std::min(connection_limit, max_connections)),
      next_host_port_(first_host_port) {}

vsock_device::~vsock_device() = default;

void vsock_device::start(vring& receive, vring& transmit) {
  const ring_bases bases{receive.queue->base(), transmit.queue->base()};
  // Rings that begin at 0 are new. That both have wrapped around to exactly 0 can be ignored.
  if (stopped_at_ != bases || bases == ring_bases{0, 0}) {
    guest_gone();
  }
  receive_ = &receive;
  transmit_ = &transmit;
}

void vsock_device::stop() {
  if (!running()) {
    return;
  }
  // The guest has handed these over, so they must be delivered whatever happens to it now.
  take_packets(max_queue_size, std::numeric_limits<std::size_t>::max());
  if (!running()) {
    return;
  }
  receive_->publish();
  transmit_->publish();
  detach();
}

void vsock_device::detach() noexcept {
  receive_->base = receive_->queue->base();
  transmit_->base = transmit_->queue->base();
  stopped_at_ = ring_bases{receive_->base, transmit_->base};
  receive_->queue.reset();
  transmit_->queue.reset();
  receive_ = nullptr;
  transmit_ = nullptr;
}

void vsock_device::fail(std::string_view where, std::string_view what) {
  if (++failures_ <= max_failures_logged) {
    log_.warning("device broken", {{"by", where}, {"reason", what}, {"times", failures_}});
  }
  if (running()) {
    detach();
  }
  guest_gone();
  if (on_broken_) {
    on_broken_();
  }
}

void vsock_device::guest_gone() {
  stopped_at_.reset();
  replies_.clear();
  while (!live_.empty()) {
    drop_guest(*live_.begin()->second);
  }
}

bool vsock_device::run() {
  if (!running()) {
    return false;
  }
  const bool more_from_guest = take_packets(transmit_per_turn, max_replies);
  const bool more_to_guest = running() && give_packets();
  if (!running()) {
    return false;
  }
  receive_->publish();
  transmit_->publish();
  return more_to_guest || (more_from_guest && replies_.size() < max_replies);
}

result<connection*> vsock_device::add(const connection_key& key, connection::origin from,
                                      unique_fd socket) {
  const int fd = socket.get();
  auto c = std::make_unique<connection>(key, from, std::move(socket), pool_);
  auto watch = loop_.add(fd, connection::initial_events(),
                         [this, p = c.get()](std::uint32_t events) { host_ready(*p, events); });
  if (!watch) {
    return watch.error();
  }
  c->set_watch(std::move(*watch));
  return live_.emplace(key, std::move(c)).first->second.get();
}

connection* vsock_device::find(const connection_key& key) noexcept {
  const auto found = live_.find(key);
  return found == live_.end() ? nullptr : found->second.get();
}

std::uint32_t vsock_device::free_host_port(std::uint32_t guest_port) noexcept {
  for (;;) {
    const std::uint32_t port = next_host_port_;
    // The maximum is the wildcard.
    next_host_port_ =
        port + 1 == std::numeric_limits<std::uint32_t>::max() ? first_host_port : port + 1;
    if (find({guest_port, port}) == nullptr) {
      return port;
    }
  }
}

result<> vsock_device::connect_guest(std::uint32_t guest_port, unique_fd client,
                                     event_loop::clock::duration patience) {
  if (!running()) {
    return error(errc::unavailable, "the guest has no driver yet");
  }
  if (connections() >= connection_limit_) {
    return error(errc::unavailable, "too many connections");
  }
  const connection_key key{guest_port, free_host_port(guest_port)};
  auto added = add(key, connection::origin::host, std::move(client));
  if (!added) {
    return added.error();
  }
  auto& c = **added;
  c.set_deadline(loop_.call_after(patience, [this, &c] { reset(c); }));
  settle(c);
  return {};
}

void vsock_device::host_ready(connection& c, std::uint32_t events) {
  if (!c.host_ready(events)) {
    reset(c);
    return;
  }
  settle(c);
}

// Ends the guest's side at once; the RST tells it that the connection failed or is over.
void vsock_device::reset(connection& c) {
  packet_header h{};
  h.src_cid = host_cid;
  h.dst_cid = guest_cid_;
  h.src_port = c.key().host_port;
  h.dst_port = c.key().guest_port;
  h.type = VIRTIO_VSOCK_TYPE_STREAM;
  h.op = VIRTIO_VSOCK_OP_RST;
  replies_.push_back(h);
  drop_guest(c);
}

void vsock_device::drop_guest(connection& c) {
  const auto found = live_.find(c.key());
  lingering_.push_back(std::move(found->second));
  live_.erase(found);
  c.guest_gone();
  settle(c);
}

// Called after any event of a connection.
void vsock_device::settle(connection& c) {
  if (c.finished()) {
    destroy(c);
  } else if (c.has_packet() && !c.ready_hook.is_linked()) {
    ready_.push_back(c);
  }
}

void vsock_device::destroy(connection& c) {
  // Only a connection whose guest's end is closed can be finished.
  const auto found = std::find_if(lingering_.begin(), lingering_.end(),
                                  [&c](const connection_ptr& p) { return p.get() == &c; });
  delivered_ += c.delivered();
  refused_ += c.refused();
  lingering_.erase(found);
}

std::uint64_t vsock_device::delivered() const noexcept {
  std::uint64_t sum = delivered_;
  for (const auto& c : lingering_) {
    sum += c->delivered();
  }
  return sum;
}

}  // namespace flow::device
