#include <numeric>

#include "tests/unit/device/device_fixture.hpp"

using namespace tests;

namespace {

constexpr std::array<std::size_t, 14> sizes{0,    1,    4,    4095, 4096,    4097,    4098,
                                            4099, 5000, 5001, 5002, 1048575, 1048576, 1048577};

// Layouts of the guest's memory and queue.
struct shape {
  const char* name;
  fake_guest::options options;
};

std::vector<shape> shapes() {
  fake_guest::options linux61;
  fake_guest::options event_index;
  event_index.event_index = true;
  fake_guest::options tiny_buffers;
  tiny_buffers.receive_buffer_size = sizeof(flow::device::packet_header) + 1;
  fake_guest::options large_buffers;
  large_buffers.receive_buffer_size = 8192;
  fake_guest::options one_buffer;
  one_buffer.receive_buffers = 1;
  fake_guest::options small_queue;
  small_queue.queue_size = 4;
  small_queue.receive_buffers = 4;
  small_queue.event_index = true;
  return {{"Linux61", linux61},          {"EventIndex", event_index},
          {"TinyBuffers", tiny_buffers}, {"LargeBuffers", large_buffers},
          {"OneBuffer", one_buffer},     {"SmallQueue", small_queue}};
}

class DataInShape : public ::testing::TestWithParam<shape> {
 protected:
  void SetUp() override {
    d.guest->boot();
    s = std::make_unique<guest_socket>(*d.kernel, 1000, 80);
    ASSERT_TRUE(s->connect());
    host = std::make_unique<host_socket>(d.connector.take(1000, 80));
  }

  void to_host(const std::string& text) {
    std::string got;
    std::size_t sent = 0;
    ASSERT_TRUE(d.kernel->until([&] {
      sent += s->send_some(std::string_view(text).substr(sent));
      got += host->read();
      return got.size() >= text.size();
    }));
    ASSERT_EQ(got, text);
  }

  void to_guest(const std::string& text) {
    std::size_t sent = 0;
    ASSERT_TRUE(d.kernel->until([&] {
      if (sent < text.size()) {
        sent += static_cast<std::size_t>(host->send(std::string_view(text).substr(sent)));
      }
      return s->received().size() >= text.size();
    }));
    ASSERT_EQ(s->take_received(), text);
  }

  device_under_test d{GetParam().options};
  std::unique_ptr<guest_socket> s;
  std::unique_ptr<host_socket> host;
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(All, DataInShape, ::testing::ValuesIn(shapes()),
                         [](const auto& p) { return p.param.name; });

TEST_P(DataInShape, EverySizeArrivesAtTheHost) {
  for (const auto size : sizes) {
    to_host(pattern(size, static_cast<std::uint32_t>(size)));
  }
}

TEST_P(DataInShape, EverySizeArrivesAtTheGuest) {
  const bool slow = GetParam().options.receive_buffer_size < 100;
  for (const auto size : sizes) {
    to_guest(pattern(slow ? std::min<std::size_t>(size, 20000) : size,
                     static_cast<std::uint32_t>(size)));
  }
}

TEST_P(DataInShape, BothDirectionsAtOnce) {
  const auto out = pattern(300000, 3);
  const auto in = pattern(GetParam().options.receive_buffer_size < 100 ? 3000 : 300000, 4);
  std::string got;
  std::size_t out_sent = 0;
  std::size_t in_sent = 0;
  ASSERT_TRUE(d.kernel->until([&] {
    out_sent += s->send_some(std::string_view(out).substr(out_sent));
    if (in_sent < in.size()) {
      in_sent += static_cast<std::size_t>(host->send(std::string_view(in).substr(in_sent)));
    }
    got += host->read(10000);
    return got.size() == out.size() && s->received().size() == in.size();
  }));
  EXPECT_EQ(got, out);
  EXPECT_EQ(s->received(), in);
}

TEST_F(DeviceTest, PacketInAnyLayoutOfDescriptorsIsUnderstood) {
  auto c = connect();
  auto& ram = guest->ram();
  auto& ring = guest->transmit_ring();
  const auto text = pattern(1000);
  // The packet's bytes in contiguous memory, cut into descriptors at these places.
  const std::vector<std::vector<std::uint32_t>> cuts{
      {1044}, {44, 1000}, {1, 1043}, {43, 1001}, {20, 24, 1000}, {45, 999}, {10, 10, 24, 500, 500}};
  auto h = guest->header(VIRTIO_VSOCK_OP_RW, 1000, 80);
  h.len = 1000;
  const auto at = guest_ram::high + 0xc00000;
  ram.put(at, h);
  std::memcpy(ram.at(at + sizeof h), text.data(), text.size());
  for (const auto& lengths : cuts) {
    ASSERT_EQ(std::accumulate(lengths.begin(), lengths.end(), 0U), 1044U);
    // Far behind the area that the helper uses, in a non-sequential order.
    std::uint16_t index = 127;
    const auto head = index;
    std::uint64_t where = at;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const bool last = i + 1 == lengths.size();
      const auto next = static_cast<std::uint16_t>(index - 2);
      ring.describe(index, {where, lengths[i],
                            static_cast<std::uint16_t>(last ? 0 : VRING_DESC_F_NEXT), next});
      where += lengths[i];
      index = next;
    }
    ring.offer(head);
    guest->kick();
    ASSERT_EQ(read_all(c.host, 1000), text) << lengths.size() << " descriptors";
    ASSERT_TRUE(guest->until([&] { return ring.take_used().has_value(); }));
  }
}

TEST_F(DeviceTest, BytesBehindThePacketsLengthAreNotPayload) {
  auto c = connect();
  auto h = guest->header(VIRTIO_VSOCK_OP_RW, 1000, 80);
  h.len = 3;
  guest->transmit_quietly(h, "abcdef");
  guest->kick();
  EXPECT_EQ(read_all(c.host, 3), "abc");
  settle();
  EXPECT_EQ(c.host.read(), "");
}

TEST(DeviceReceiveBuffers, BufferOfSeveralDescriptorsIsFilledInOrder) {
  fake_guest::options o;
  o.receive_buffers = 0;
  device_under_test d(o);
  d.guest->boot();
  auto& ram = d.guest->ram();
  auto& ring = d.guest->receive_ring();
  // The header spans the first two descriptors.
  const std::uint64_t at = guest_ram::high + 0xc00000;
  ring.describe(5, {at, 20, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 9});
  ring.describe(9, {at + 0x1000, 100, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 7});
  ring.describe(7, {at + 0x2000, 4000, VRING_DESC_F_WRITE, 0});
  const auto receive = [&] {
    ring.offer(5);
    ring.kick();
    std::optional<driver_ring::used_entry> used;
    EXPECT_TRUE(d.guest->until([&] {
      used = ring.take_used();
      return used.has_value();
    }));
    EXPECT_EQ(used->head, 5U);
    std::string whole(reinterpret_cast<const char*>(ram.at(at)), 20);
    whole.append(reinterpret_cast<const char*>(ram.at(at + 0x1000)), 100);
    whole.append(reinterpret_cast<const char*>(ram.at(at + 0x2000)), 4000);
    packet p;
    std::memcpy(&p.header, whole.data(), sizeof p.header);
    EXPECT_EQ(used->length, sizeof p.header + p.header.len);
    p.payload = whole.substr(sizeof p.header, p.header.len);
    return p;
  };

  auto request = d.guest->header(VIRTIO_VSOCK_OP_REQUEST, 1000, 80);
  request.buf_alloc = 65536;
  d.guest->transmit(request);
  EXPECT_EQ(receive().header.op, VIRTIO_VSOCK_OP_RESPONSE);
  const auto text = pattern(1000, 9);
  auto host = d.connector.take(1000, 80);
  host.send(text);
  const auto p = receive();
  EXPECT_EQ(p.header.op, VIRTIO_VSOCK_OP_RW);
  EXPECT_EQ(p.payload, text);
}

// --- notifications ---

TEST_F(DeviceTest, OneTurnOfManyPacketsIsOneInterrupt) {
  auto c = connect();
  settle();
  guest->receive_ring().take_calls();
  guest->transmit_ring().take_calls();
  for (int i = 0; i < 20; ++i) {
    auto h = guest->header(VIRTIO_VSOCK_OP_RW, 1000, 80);
    h.len = 4;
    guest->transmit_quietly(h, "abcd");
  }
  guest->kick();
  settle();
  EXPECT_EQ(guest->transmit_ring().take_calls(), 1U);
  EXPECT_EQ(read_all(c.host, 80).size(), 80U);
}

TEST_F(DeviceTest, DriverThatWantsNoInterruptGetsNone) {
  auto c = connect();
  settle();
  guest->transmit_ring().set_no_interrupt(true);
  guest->transmit_ring().take_calls();
  EXPECT_TRUE(c.guest->send("x"));
  EXPECT_EQ(read_all(c.host, 1), "x");
  EXPECT_EQ(guest->transmit_ring().take_calls(), 0U);
}

TEST_F(DeviceTest, IdleDeviceAsksForKicksOfTransmitAndNotOfReceive) {
  auto c = connect();
  settle();
  EXPECT_TRUE(guest->transmit_ring().wants_kick());
  EXPECT_FALSE(guest->receive_ring().wants_kick());
}

TEST_F(DeviceTest, DeviceWithoutReceiveBuffersAsksForAKickAndGoesOn) {
  auto c = connect();
  settle();
  guest->hold_buffers(true);
  const auto text = pattern(300000);
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    if (sent < text.size()) {
      sent += static_cast<std::size_t>(c.host.send(std::string_view(text).substr(sent)));
    }
    kernel->turn();
  }
  EXPECT_TRUE(guest->receive_ring().wants_kick());
  const auto before = c.guest->received().size();
  ASSERT_LT(before, text.size());
  guest->hold_buffers(false);
  for (std::uint16_t i = 0; i < 64; ++i) {
    guest->receive_ring().offer(i);
  }
  guest->receive_ring().kick();
  EXPECT_TRUE(until([&] {
    if (sent < text.size()) {
      sent += static_cast<std::size_t>(c.host.send(std::string_view(text).substr(sent)));
    }
    return c.guest->received() == text;
  }));
}

TEST(DeviceWithEventIndex, InterruptsOnlyAtTheEntryTheDriverNames) {
  fake_guest::options o;
  o.event_index = true;
  device_under_test d(o);
  d.guest->boot();
  guest_socket s(*d.kernel, 1000, 80);
  ASSERT_TRUE(s.connect());
  d.guest->settle();
  auto& ring = d.guest->transmit_ring();
  ring.take_calls();
  // One packet has been transmitted so far; the driver wants a notification for the fourth
  // from now.
  ring.set_used_event(1 + 3);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(s.send("x"));
    d.guest->settle();
    EXPECT_EQ(ring.take_calls(), i == 4 ? 1U : 0U) << "packet " << i;
  }
  // And the device wants a notification for the next one.
  EXPECT_EQ(ring.available_event(), 6U);
}
