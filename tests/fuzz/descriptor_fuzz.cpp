// A guest and a front end of any malice: memory, descriptors, rings, packets, vhost-user messages
// and the actions of the host's sockets, all of it taken from the input.
//
// The input is a list of actions, each one byte and its arguments; see `action`. Whatever they are,
// the device must neither crash nor access anything but the guest's memory, and must stay within
// its limits.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "flow/device/limits.hpp"
#include "flow/device/vhost_user/backend.hpp"
#include "flow/device/vsock/connector.hpp"
#include "flow/device/vsock/device.hpp"
#include "flow/system/scm_rights.hpp"
#include "tests/support/device/driver_ring.hpp"
#include "tests/support/device/guest_ram.hpp"

namespace {

using namespace flow::device;

constexpr std::uint64_t cid = 42;
constexpr std::size_t connection_limit = 8;

enum class action : std::uint8_t {
  turn,      // let the device work
  describe,  // ring, index, descriptor
  offer,     // ring, head
  publish,   // ring, available index
  packet,    // a header with fields from the input, and payload; transmitted correctly
  post,      // a valid receive buffer
  scribble,  // offset, bytes into the memory
  host,      // which socket, and an action: write, read, close, shut down
  message,   // vhost-user: request, flags, payload, descriptors
  set_up,    // the messages of a correct front end
  stop,      // the messages of a pause or reset
  count
};

class input {
 public:
  input(const std::uint8_t* data, std::size_t size) : data_(data, size) {}

  bool empty() const { return data_.empty(); }

  template <class T>
  T take() {
    T value{};
    const auto n = std::min(sizeof value, data_.size());
    std::memcpy(&value, data_.data(), n);
    data_ = data_.subspan(n);
    return value;
  }

  std::span<const std::byte> bytes(std::size_t size) {
    const auto part = data_.first(std::min(size, data_.size()));
    data_ = data_.subspan(part.size());
    return std::as_bytes(part);
  }

 private:
  std::span<const std::uint8_t> data_;
};

class pair_connector final : public connector {
 public:
  flow::result<flow::unique_fd> connect(const connection_key& /*key*/) override {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
      return flow::system_error("socketpair");
    }
    hosts.emplace_back(ends[1]);
    return flow::unique_fd(ends[0]);
  }
  void accepted(const connection_key& /*key*/, int /*socket*/) override {}

  std::vector<flow::unique_fd> hosts;
};

class world {
 public:
  explicit world(input in) : in_(in) {
    std::array<int, 2> ends{};
    ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data());
    front_.reset(ends[1]);
    backend_ =
        std::make_unique<vhost_user_backend>(loop_, log_, device_, cid, flow::unique_fd(ends[0]),
                                             [](const std::optional<flow::error>&) {});
    static_cast<void>(backend_->start());
    loop_.set_work([this] { return device_.run(); });
    set_up();
  }

  void run() {
    while (!in_.empty()) {
      act(static_cast<action>(in_.take<std::uint8_t>() % static_cast<std::uint8_t>(action::count)));
      if (device_.connections() > connection_limit) {
        std::abort();
      }
    }
    turn();
    // The end of every life.
    front_.reset();
    turn();
    if (device_.running()) {
      std::abort();
    }
  }

 private:
  void turn() {
    for (int i = 0; i < 4; ++i) {
      static_cast<void>(loop_.run_once(std::chrono::milliseconds(0)));
    }
    // Answers do not matter, but must not pile up.
    std::array<char, 4096> ignored;
    while (front_ && ::recv(front_.get(), ignored.data(), ignored.size(), 0) > 0) {
    }
  }

  tests::driver_ring& ring() { return in_.take<std::uint8_t>() % 2 == 0 ? receive_ : transmit_; }

  // Mostly within the memory.
  std::uint64_t address() {
    const auto kind = in_.take<std::uint8_t>() % 8;
    if (kind == 0) {
      return in_.take<std::uint64_t>();
    }
    const auto offset = in_.take<std::uint16_t>();
    return kind < 3 ? tests::guest_ram::low_size - 0x8000 + offset
                    : tests::guest_ram::high + offset;
  }

  void act(action a) {
    switch (a) {
      case action::describe: {
        auto& r = ring();
        const auto index = static_cast<std::uint16_t>(in_.take<std::uint8_t>() % size);
        const auto where = address();
        const auto length = in_.take<std::uint16_t>();
        const auto flags = in_.take<std::uint8_t>();
        r.describe(index, {where, flags >= 0xf0 ? length * 0x10001U : length,
                           static_cast<std::uint16_t>(flags & 0x7U), in_.take<std::uint8_t>()});
        break;
      }
      case action::offer: {
        auto& r = ring();
        r.offer(in_.take<std::uint8_t>());
        r.kick();
        break;
      }
      case action::publish: {
        auto& r = ring();
        r.publish(in_.take<std::uint16_t>());
        r.kick();
        break;
      }
      case action::packet:
        transmit();
        break;
      case action::post: {
        const auto slot = static_cast<std::uint16_t>(in_.take<std::uint8_t>() % size);
        receive_.describe(slot, {tests::guest_ram::high + 0x100000 + std::uint64_t{slot} * 0x1000,
                                 3776, VRING_DESC_F_WRITE, 0});
        receive_.offer(slot);
        receive_.kick();
        break;
      }
      case action::scribble: {
        const auto offset = in_.take<std::uint16_t>();
        const auto bytes = in_.bytes(in_.take<std::uint8_t>());
        std::copy(bytes.begin(), bytes.end(), ram_.at(0x10000U + offset));
        break;
      }
      case action::host:
        touch_host();
        break;
      case action::message:
        send_message();
        break;
      case action::set_up:
        set_up();
        break;
      case action::stop:
        stop();
        break;
      case action::turn:
      case action::count:
        turn();
        break;
    }
  }

  void transmit() {
    packet_header h{};
    const auto odd = in_.take<std::uint8_t>();
    h.src_cid = odd == 1 ? in_.take<std::uint64_t>() : cid;
    h.dst_cid = odd == 2 ? in_.take<std::uint64_t>() : host_cid;
    h.src_port = in_.take<std::uint8_t>() % 12;
    h.dst_port = odd == 3 ? 1U << 30U : 80;
    h.type = odd == 4 ? in_.take<std::uint16_t>() : std::uint16_t{VIRTIO_VSOCK_TYPE_STREAM};
    h.op = in_.take<std::uint8_t>() % 9;
    h.flags = in_.take<std::uint8_t>();
    h.buf_alloc = in_.take<std::uint8_t>() * 1000U;
    h.fwd_cnt = odd == 5 ? in_.take<std::uint32_t>() : 0;
    const auto length = in_.take<std::uint16_t>();
    h.len = odd == 6 ? in_.take<std::uint32_t>() : length;
    const auto at = tests::guest_ram::high + 0x200000U;
    ram_.put(at, h);
    transmit_.describe(0, {at, sizeof h, static_cast<std::uint16_t>(length != 0), 1});
    transmit_.describe(1, {at + 64, length, 0, 0});
    transmit_.offer(0);
    transmit_.kick();
    turn();
  }

  void touch_host() {
    const auto which = in_.take<std::uint8_t>();
    const auto what = in_.take<std::uint8_t>();
    std::array<char, 8192> bytes{};
    const std::size_t size_of_it = std::size_t{what} * 32;
    if (what == 1) {
      std::array<int, 2> ends{};
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data());
      connector_.hosts.emplace_back(ends[1]);
      static_cast<void>(device_.connect_guest(which % 4, flow::unique_fd(ends[0])));
      return;
    }
    if (connector_.hosts.empty()) {
      return;
    }
    auto& host = connector_.hosts[which % connector_.hosts.size()];
    switch (what % 5) {
      case 0:
        ::send(host.get(), bytes.data(), size_of_it, MSG_NOSIGNAL);
        break;
      case 1:
        ::recv(host.get(), bytes.data(), bytes.size(), 0);
        break;
      case 2:
        ::shutdown(host.get(), SHUT_WR);
        break;
      case 3:
        ::shutdown(host.get(), SHUT_RD);
        break;
      default:
        host.reset();
    }
  }

  void send(std::uint32_t id, std::uint32_t flags, std::span<const std::byte> payload,
            std::span<const int> descriptors = {}) {
    if (!front_) {
      return;
    }
    const vhost_user::header header{id, flags, static_cast<std::uint32_t>(payload.size())};
    std::vector<std::byte> all(sizeof header + payload.size());
    std::memcpy(all.data(), &header, sizeof header);
    std::copy(payload.begin(), payload.end(), all.begin() + sizeof header);
    static_cast<void>(flow::send_with_descriptors(front_.get(), all, descriptors));
    turn();
  }

  template <class T>
  void ask(vhost_user::request id, const T& payload, std::span<const int> descriptors = {}) {
    send(static_cast<std::uint32_t>(id), 1, std::as_bytes(std::span(&payload, 1)), descriptors);
  }

  void send_message() {
    const std::uint32_t id = in_.take<std::uint8_t>() % 40;
    const auto flags = in_.take<std::uint8_t>();
    const auto kinds = in_.take<std::uint8_t>();
    std::vector<int> descriptors;
    descriptors.reserve(3);
    for (unsigned i = 0; i < (kinds & 3U); ++i) {
      descriptors.push_back((kinds >> (2 + i) & 1U) != 0 ? ram_.fd() : receive_.kick_fd());
    }
    // An invalid message must ask for an acknowledgement; otherwise its failure would end the run.
    send(id, 1U | ((flags & 1U) != 0 ? flags : vhost_user::flag_need_reply),
         in_.bytes(in_.take<std::uint8_t>()), descriptors);
  }

  void set_up() {
    using vhost_user::request;
    receive_.clear();
    transmit_.clear();
    ask(request::set_protocol_features, vhost_user_backend::offered_protocol_features());
    ask(request::set_features, vhost_user_backend::offered_features());
    struct {
      vhost_user::memory_table head{2, 0};
      std::array<memory_region, 2> regions = tests::guest_ram::regions();
    } table;
    ask(request::set_mem_table, table, std::array{ram_.fd(), ram_.fd()});
    for (std::uint32_t i = 0; i < 2; ++i) {
      const auto& r = i == 0 ? receive_ : transmit_;
      const auto where = r.addresses();
      ask(request::set_vring_num, vhost_vring_state{i, size});
      ask(request::set_vring_base, vhost_vring_state{i, 0});
      ask(request::set_vring_addr,
          vhost_vring_addr{i, 0, where.descriptors, where.used, where.available, 0});
      ask(request::set_vring_call, std::uint64_t{i}, std::array{r.call_fd()});
      ask(request::set_vring_err, std::uint64_t{i}, std::array{r.error_fd()});
      ask(request::set_vring_kick, std::uint64_t{i}, std::array{r.kick_fd()});
      ask(request::set_vring_enable, vhost_vring_state{i, 1});
    }
  }

  void stop() {
    for (std::uint32_t i = 0; i < 2; ++i) {
      ask(vhost_user::request::get_vring_base, vhost_vring_state{i, 0});
    }
  }

  static constexpr std::uint16_t size = 16;

  input in_;
  flow::unique_fd null_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  flow::log log_{null_.get()};
  event_loop loop_ = *event_loop::create();
  pair_connector connector_;
  vsock_device device_{loop_, log_, connector_, cid, connection_limit};
  std::unique_ptr<vhost_user_backend> backend_;
  flow::unique_fd front_;
  tests::guest_ram ram_;
  tests::driver_ring receive_{ram_, 0x10000, size};
  tests::driver_ring transmit_{ram_, 0x20000, size};
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the fuzzer calls it so
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  world(input(data, size)).run();
  return 0;
}
