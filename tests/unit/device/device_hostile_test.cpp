// A driver that violates the rules of its rings: the device stops, logs it once, harms nobody, and
// serves again after a reset.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/unit/device/device_fixture.hpp"

using namespace tests;

namespace {

constexpr std::uint64_t buffer = guest_ram::high + 0xc00000;
constexpr std::uint16_t next = VRING_DESC_F_NEXT;
constexpr std::uint16_t writable = VRING_DESC_F_WRITE;

struct crime {
  const char* name;
  std::function<void(fake_guest&)> commit;
};

void offer_transmit(fake_guest& g, std::uint16_t head) {
  g.transmit_ring().offer(head);
  g.kick();
}

// A transmit chain of descriptors 100, 101, ... that are linked and otherwise as given.
void transmit_chain(fake_guest& g, std::vector<vring_desc> chain) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    auto d = chain[i];
    if (i + 1 < chain.size()) {
      d.flags |= next;
      d.next = static_cast<std::uint16_t>(101 + i);
    }
    g.transmit_ring().describe(static_cast<std::uint16_t>(100 + i), d);
  }
  offer_transmit(g, 100);
}

// A buffer in the receive queue of a guest that has no other one; requires a due packet.
void receive_chain(fake_guest& g, std::vector<vring_desc> chain) {
  g.transmit(g.header(VIRTIO_VSOCK_OP_RW, 7, 8));  // will be answered
  for (std::size_t i = 0; i < chain.size(); ++i) {
    auto d = chain[i];
    if (i + 1 < chain.size()) {
      d.flags |= next;
      d.next = static_cast<std::uint16_t>(101 + i);
    }
    g.receive_ring().describe(static_cast<std::uint16_t>(100 + i), d);
  }
  g.receive_ring().offer(100);
  g.receive_ring().kick();
}

flow::device::packet_header rw(fake_guest& g, std::uint32_t length) {
  auto h = g.header(VIRTIO_VSOCK_OP_RW, 1000, 80);
  h.len = length;
  return h;
}

const std::vector<crime> crimes{
    // The available ring.
    {"AvailableIndexJumps",
     [](fake_guest& g) {
       g.transmit_ring().publish(1000);
       g.kick();
     }},
    {"AvailableIndexGoesBack",
     [](fake_guest& g) {
       g.transmit(rw(g, 0));
       g.settle();
       g.transmit_ring().publish(0);
       g.kick();
     }},
    {"HeadOutOfRange", [](fake_guest& g) { offer_transmit(g, 128); }},
    {"HeadFarOutOfRange", [](fake_guest& g) { offer_transmit(g, 65535); }},
    // Chains.
    {"NextOutOfRange",
     [](fake_guest& g) {
       g.transmit_ring().describe(100, {buffer, 44, next, 128});
       offer_transmit(g, 100);
     }},
    {"ChainIsALoop",
     [](fake_guest& g) {
       g.transmit_ring().describe(100, {buffer, 44, next, 101});
       g.transmit_ring().describe(101, {buffer, 44, next, 100});
       offer_transmit(g, 100);
     }},
    {"DescriptorIsItsOwnNext",
     [](fake_guest& g) {
       g.transmit_ring().describe(100, {buffer, 44, next, 100});
       offer_transmit(g, 100);
     }},
    // Descriptors.
    {"IndirectDescriptor",
     [](fake_guest& g) { transmit_chain(g, {{buffer, 64, VRING_DESC_F_INDIRECT, 0}}); }},
    {"UnknownFlag", [](fake_guest& g) { transmit_chain(g, {{buffer, 64, 0x80, 0}}); }},
    {"DescriptorOfNoBytes",
     [](fake_guest& g) { transmit_chain(g, {{buffer, 44, 0, 0}, {buffer, 0, 0, 0}}); }},
    {"AddressOutsideTheMemory",
     [](fake_guest& g) { transmit_chain(g, {{0x8000'0000, 44, 0, 0}}); }},
    {"AddressInTheHoleBetweenRegions",
     [](fake_guest& g) { transmit_chain(g, {{guest_ram::low_size, 44, 0, 0}}); }},
    {"AddressOfAll64Bits",
     [](fake_guest& g) { transmit_chain(g, {{~std::uint64_t{0}, 44, 0, 0}}); }},
    {"LengthBeyondTheRegion",
     [](fake_guest& g) {
       transmit_chain(g, {{guest_ram::high + guest_ram::high_size - 10, 44, 0, 0}});
     }},
    {"LengthOf4GiB", [](fake_guest& g) { transmit_chain(g, {{buffer, ~0U, 0, 0}}); }},
    {"AddressPlusLengthWraps",
     [](fake_guest& g) { transmit_chain(g, {{~std::uint64_t{0} - 10, ~0U, 0, 0}}); }},
    {"SecondDescriptorOutsideTheMemory",
     [](fake_guest& g) { transmit_chain(g, {{buffer, 44, 0, 0}, {0x8000'0000, 44, 0, 0}}); }},
    // Packets.
    {"PacketShorterThanItsHeader", [](fake_guest& g) { transmit_chain(g, {{buffer, 43, 0, 0}}); }},
    {"PacketOfOneByte", [](fake_guest& g) { transmit_chain(g, {{buffer, 1, 0, 0}}); }},
    {"PacketLongerThanItsDescriptors",
     [](fake_guest& g) {
       g.ram().put(buffer, rw(g, 21));
       transmit_chain(g, {{buffer, 44, 0, 0}, {buffer + 64, 20, 0, 0}});
     }},
    {"PacketOf4GiBIn44Bytes",
     [](fake_guest& g) {
       g.ram().put(buffer, rw(g, ~0U));
       transmit_chain(g, {{buffer, 44, 0, 0}});
     }},
    {"WritableDescriptorInTransmit",
     [](fake_guest& g) { transmit_chain(g, {{buffer, 44, writable, 0}}); }},
    {"WritableDescriptorBehindThePacket",
     [](fake_guest& g) {
       transmit_chain(g, {{buffer, 44, 0, 0}, {buffer + 64, 44, writable, 0}});
     }},
    {"ReadableDescriptorBehindAWritableOne",
     [](fake_guest& g) {
       transmit_chain(g, {{buffer, 44, writable, 0}, {buffer + 64, 44, 0, 0}});
     }},
    // Receive buffers.
    {"ReadableReceiveBuffer", [](fake_guest& g) { receive_chain(g, {{buffer, 4096, 0, 0}}); }},
    {"ReceiveBufferWithAReadablePart",
     [](fake_guest& g) {
       receive_chain(g, {{buffer, 44, 0, 0}, {buffer + 64, 4096, writable, 0}});
     }},
    {"ReceiveBufferForAHeaderOnly",
     [](fake_guest& g) { receive_chain(g, {{buffer, 44, writable, 0}}); }},
    {"ReceiveBufferOfOneByte", [](fake_guest& g) { receive_chain(g, {{buffer, 1, writable, 0}}); }},
    {"ReceiveBufferOutsideTheMemory",
     [](fake_guest& g) { receive_chain(g, {{0x8000'0000, 4096, writable, 0}}); }},
    {"ReceiveIndexJumps",
     [](fake_guest& g) {
       g.transmit(g.header(VIRTIO_VSOCK_OP_RW, 7, 8));
       g.receive_ring().publish(5000);
       g.receive_ring().kick();
     }},
};

class Crime : public ::testing::TestWithParam<crime> {};

fake_guest::options few_buffers() {
  fake_guest::options o;
  o.receive_buffers = 1;
  return o;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(All, Crime, ::testing::ValuesIn(crimes),
                         [](const auto& p) { return p.param.name; });

TEST_P(Crime, BreaksTheDeviceAndNothingElse) {
  device_under_test d(few_buffers());
  auto& g = *d.guest;
  g.boot();
  auto h = g.header(VIRTIO_VSOCK_OP_REQUEST, 1000, 80);
  h.buf_alloc = 1000;
  g.transmit(h);
  g.hold_buffers(true);
  g.expect(VIRTIO_VSOCK_OP_RESPONSE);
  auto host = d.connector.take(1000, 80);
  g.transmit(rw(g, 4), "data");
  g.settle();
  const auto high_before = g.ram().get<std::array<std::byte, 4096>>(guest_ram::high + 0xd00000);

  GetParam().commit(g);
  g.settle();
  EXPECT_FALSE(d.device.running());
  EXPECT_EQ(g.receive_ring().take_errors(), 1U);
  EXPECT_EQ(g.transmit_ring().take_errors(), 1U);
  EXPECT_FALSE(d.closed);
  EXPECT_EQ(host.read(), "data");
  EXPECT_TRUE(host.end_of_file());
  EXPECT_EQ(high_before, (g.ram().get<std::array<std::byte, 4096>>(guest_ram::high + 0xd00000)));

  // Nothing is accessed until the reset, which starts it anew.
  g.kick();
  g.settle();
  EXPECT_FALSE(d.device.running());
  g.hold_buffers(false);
  g.stop();
  g.boot();
  guest_socket s(*d.kernel, 1000, 80);
  EXPECT_TRUE(s.connect());
}

namespace {

struct bad_ring {
  const char* name;
  flow::device::ring_addresses addresses;
};

constexpr auto low = guest_ram::low_user;

// A valid one is at 0x20000, 0x24000 and 0x28000.
const std::vector<bad_ring> bad_rings{
    {"DescriptorsNowhere", {1, low + 0x24000, low + 0x28000}},
    {"AvailableNowhere", {low + 0x20000, 1, low + 0x28000}},
    {"UsedNowhere", {low + 0x20000, low + 0x24000, 1}},
    {"DescriptorsUnaligned", {low + 0x20008, low + 0x24000, low + 0x28000}},
    {"AvailableUnaligned", {low + 0x20000, low + 0x24001, low + 0x28000}},
    {"UsedUnaligned", {low + 0x20000, low + 0x24000, low + 0x28002}},
    {"DescriptorsAcrossTheEnd", {low + guest_ram::low_size - 16, low + 0x24000, low + 0x28000}},
    {"AvailableAcrossTheEnd", {low + 0x20000, low + guest_ram::low_size - 16, low + 0x28000}},
    {"UsedAcrossTheEnd", {low + 0x20000, low + 0x24000, low + guest_ram::low_size - 16}},
    {"AddressesWrap", {~std::uint64_t{0} - 15, ~std::uint64_t{0} - 15, ~std::uint64_t{0} - 15}},
};

class BadRing : public ::testing::TestWithParam<bad_ring> {};

}  // namespace

INSTANTIATE_TEST_SUITE_P(All, BadRing, ::testing::ValuesIn(bad_rings),
                         [](const auto& p) { return p.param.name; });

TEST_P(BadRing, BreaksTheDeviceAtItsStart) {
  device_under_test d;
  auto& g = *d.guest;
  g.negotiate();
  g.share_memory();
  g.set_up_ring(0, 0);
  g.set_up_ring(1, 0);
  const auto& a = GetParam().addresses;
  g.front().send(front_end::request::set_vring_addr,
                 vhost_vring_addr{1, 0, a.descriptors, a.used, a.available, 0});
  g.enable(0, true);
  g.enable(1, true);
  g.settle();
  EXPECT_FALSE(d.device.running());
  EXPECT_FALSE(d.closed);
  EXPECT_EQ(g.transmit_ring().take_errors(), 1U);

  g.stop();
  g.boot();
  EXPECT_TRUE(d.device.running());
}

TEST_F(DeviceTest, ChainOfTheWholeQueueIsLegal) {
  auto c = connect();
  auto& ring = guest->transmit_ring();
  guest->ram().put(buffer, [&] {
    auto h = guest->header(VIRTIO_VSOCK_OP_RW, 1000, 80);
    h.len = 84;
    return h;
  }());
  std::memcpy(guest->ram().at(buffer + 44), pattern(84).data(), 84);
  for (std::uint16_t i = 0; i < 128; ++i) {
    const bool last = i == 127;
    ring.describe(i, {buffer + i, 1, static_cast<std::uint16_t>(last ? 0 : next),
                      static_cast<std::uint16_t>(i + 1)});
  }
  offer_transmit(*guest, 0);
  EXPECT_EQ(read_all(c.host, 84), pattern(84));
}

TEST_F(DeviceTest, BuffersThatOverlapEachOtherAreTheGuestsOwnAffair) {
  auto c = connect();
  guest->hold_buffers(true);
  while (guest->receive()) {
  }
  // The same memory for every buffer, and the rings themselves as a buffer.
  auto& ring = guest->receive_ring();
  for (std::uint16_t i = 64; i < 100; ++i) {
    ring.describe(i, {buffer, 4096, writable, 0});
    ring.offer(i);
  }
  ring.describe(100, {0x10000, 0xc000, writable, 0});
  ring.offer(100);
  ring.kick();
  const auto text = pattern(200000);
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    const auto n = c.host.send(std::string_view(text).substr(sent));
    sent += n > 0 ? static_cast<std::size_t>(n) : 0;
    guest->turn();
  }
  SUCCEED();
}

TEST(HostileGuest, CannotFillTheLog) {
  device_under_test d;
  for (std::uint64_t i = 0; i < flow::device::max_failures_logged * 3; ++i) {
    d.guest->boot();
    offer_transmit(*d.guest, 65535);
    d.guest->settle();
    ASSERT_FALSE(d.device.running());
    d.guest->stop();
  }
  const auto text = d.logged();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), int{flow::device::max_failures_logged});
  EXPECT_NE(text.find("msg=\"device broken\" by=\"transmit queue\" "
                      "reason=\"descriptor index out of range\" times=1\n"),
            std::string::npos)
      << text;
}

// Another process writes to the rings and the buffers constantly, as other processors of a guest
// can: everything that the device reads may be different an instant later.
TEST(HostileGuest, MemoryThatChangesAllTheTimeDoesNoHarm) {
  device_under_test d;
  auto& g = *d.guest;
  g.boot();
  const auto parent = ::getpid();
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto* const rings = g.ram().at(0x10000);
    auto* const packets = g.ram().at(fake_guest::transmit_buffer(0));
    for (std::uint32_t random = 1; ::getppid() == parent;) {
      for (int i = 0; i < 1000; ++i) {
        random = random * 1664525U + 1013904223U;
        const auto value = static_cast<std::byte>(random >> 24U);
        // Mostly packets, so that the rings stay valid for a while.
        if ((random & 0x3f00U) == 0) {
          rings[random % 0x1c000] = value;
        } else {
          packets[(random >> 8U) % 64U * 0x20000U + (random & 0x3fU)] = value;
        }
      }
    }
    ::_exit(0);
  }
  int lives = 0;
  for (int i = 0; i < 20000; ++i) {
    g.transmit_ring().describe(0, {fake_guest::transmit_buffer(0), 44, next, 1});
    g.transmit_ring().describe(1, {fake_guest::transmit_buffer(0) + 64, 1000, 0, 0});
    g.ram().put(fake_guest::transmit_buffer(0),
                g.header(i % 2 == 0 ? VIRTIO_VSOCK_OP_REQUEST : VIRTIO_VSOCK_OP_RW, 1000, 80));
    offer_transmit(g, 0);
    g.turn();
    if (!d.device.running()) {
      ++lives;
      g.stop();
      g.boot();
    }
  }
  ::kill(child, SIGKILL);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_FALSE(d.closed);
  EXPECT_GT(lives, 0);
}
