// The requests that a front end may make, and the consequences of those it must not make.
#include <linux/memfd.h>
#include <sys/mman.h>

#include "flow/device/vhost_user/guest_memory.hpp"
#include "flow/device/vhost_user/protocol.hpp"
#include "tests/unit/device/device_fixture.hpp"

using namespace tests;
using flow::device::memory_region;
using flow::device::vhost_user::memory_table;
using request = front_end::request;

namespace {

class VhostUser : public ::testing::Test, public device_under_test {
 protected:
  front_end& front() { return guest->front(); }

  template <class T>
  static std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span(&value, 1));
  }

  // The connection is closed with an error that names the request.
  void expect_closed(std::string_view word) {
    EXPECT_TRUE(front().closed());
    EXPECT_TRUE(closed);
    ASSERT_TRUE(failure);
    EXPECT_NE(failure->message().find(word), std::string::npos) << failure->message();
  }
};

struct one_region {
  memory_table head{1, 0};
  memory_region region;
};

struct config_request {
  flow::device::vhost_user::config head{0, 8, 0};
  std::array<std::uint32_t, 2> cid{};  // two halves, because the message is not aligned for a u64
};

}  // namespace

TEST_F(VhostUser, OffersVirtio1AndWhatItNeedsOfTheProtocol) {
  const auto features = front().ask_u64(request::get_features);
  EXPECT_EQ(features,
            (1ULL << VIRTIO_F_VERSION_1) | (1ULL << VIRTIO_RING_F_EVENT_IDX) | (1ULL << 30U));
  EXPECT_EQ(front().ask_u64(request::get_protocol_features), (1ULL << 3U) | (1ULL << 9U));
}

TEST_F(VhostUser, ConfigurationIsTheGuestsCid) {
  guest->negotiate();
  const auto answer = front().ask(request::get_config, bytes_of(config_request{}));
  ASSERT_EQ(answer.size(), sizeof(config_request));
  config_request got;
  std::memcpy(&got, answer.data(), sizeof got);
  EXPECT_EQ(got.cid[0], guest->cid());
  EXPECT_EQ(got.cid[1], 0U);
  EXPECT_EQ(got.head.size, 8U);
}

TEST_F(VhostUser, PartOfTheConfigurationCanBeRead) {
  struct {
    flow::device::vhost_user::config head{4, 4, 0};
    std::uint32_t part = 99;
  } wanted;
  const auto answer = front().ask(request::get_config, bytes_of(wanted));
  ASSERT_EQ(answer.size(), sizeof wanted);
  std::memcpy(&wanted, answer.data(), sizeof wanted);
  EXPECT_EQ(wanted.part, 0U);
}

TEST_F(VhostUser, ConfigurationBeyondItsEndIsDenied) {
  for (const auto& head :
       {flow::device::vhost_user::config{1, 8, 0}, flow::device::vhost_user::config{9, 8, 0},
        flow::device::vhost_user::config{0xffffffff, 8, 0},
        flow::device::vhost_user::config{0, 7, 0},
        flow::device::vhost_user::config{0, 0xffffffff, 0}}) {
    config_request wanted;
    wanted.head = head;
    EXPECT_TRUE(front().ask(request::get_config, bytes_of(wanted)).empty());
  }
}

TEST_F(VhostUser, ConfigurationCannotBeWritten) {
  guest->negotiate();
  EXPECT_EQ(front().acknowledged(request::set_config, config_request{}), 1U);
  EXPECT_FALSE(closed);
}

TEST_F(VhostUser, RequestInOneByteAtATimeIsUnderstood) {
  const flow::device::vhost_user::header header{static_cast<std::uint32_t>(request::get_config),
                                                flow::device::vhost_user::version,
                                                sizeof(config_request)};
  const config_request wanted;
  std::vector<std::byte> all;
  const auto append = [&all](std::span<const std::byte> part) {
    all.insert(all.end(), part.begin(), part.end());
  };
  append(bytes_of(header));
  append(bytes_of(wanted));
  for (const auto& byte : all) {
    front().send_bytes(std::span(&byte, 1));
    turn();
  }
  std::array<std::byte, 64> answer{};
  EXPECT_EQ(::recv(front().fd(), answer.data(), answer.size(), MSG_DONTWAIT),
            static_cast<ssize_t>(sizeof header + sizeof wanted));
}

TEST_F(VhostUser, SeveralRequestsAtOnceAreAnsweredInOrder) {
  front().send_raw(1, {});
  front().send_raw(15, {});
  front().send_raw(1, {});
  guest->settle();
  std::array<std::uint32_t, 15> answers{};
  ASSERT_EQ(::recv(front().fd(), answers.data(), sizeof answers, MSG_DONTWAIT), 60);
  EXPECT_EQ(answers[0], 1U);
  EXPECT_EQ(answers[5], 15U);
  EXPECT_EQ(answers[10], 1U);
}

TEST_F(VhostUser, DeviceStartsOnlyWhenBothRingsAreReadyAndEnabled) {
  guest->negotiate();
  guest->share_memory();
  guest->set_up_ring(0, 0);
  guest->enable(0, true);
  guest->settle();
  EXPECT_FALSE(device.running());
  guest->enable(1, true);
  guest->settle();
  EXPECT_FALSE(device.running());
  guest->set_up_ring(1, 0);
  guest->settle();
  EXPECT_TRUE(device.running());
}

TEST_F(VhostUser, WithoutProtocolFeaturesRingsNeedNotBeEnabled) {
  front().send(request::set_features, std::uint64_t{1} << VIRTIO_F_VERSION_1);
  struct {
    memory_table head{2, 0};
    std::array<memory_region, 2> regions = guest_ram::regions();
  } table;
  front().send(request::set_mem_table, table, std::array{guest->ram().fd(), guest->ram().fd()});
  guest->set_up_ring(0, 0);
  guest->set_up_ring(1, 0);
  guest->settle();
  EXPECT_TRUE(device.running());
}

TEST_F(VhostUser, ResetOwnerDisablesTheRings) {
  guest->boot();
  front().send_raw(static_cast<std::uint32_t>(request::reset_owner), {});
  guest->settle();
  EXPECT_FALSE(device.running());
  EXPECT_FALSE(closed);
}

TEST_F(VhostUser, GetVringBaseStopsTheRingUntilItsNextKick) {
  guest->boot();
  const vhost_vring_state zero{0, 0};
  front().ask(request::get_vring_base, bytes_of(zero));
  EXPECT_FALSE(device.running());
  guest->enable(0, true);
  guest->settle();
  EXPECT_FALSE(device.running());
}

TEST_F(VhostUser, CallMayBeAbsentAndIsThenNotWritten) {
  guest->boot();
  front().send(request::set_vring_call, std::uint64_t{0} | 0x100U);
  front().send(request::set_vring_call, std::uint64_t{1} | 0x100U);
  guest_socket s(*kernel, 1000, 80);
  EXPECT_TRUE(s.connect());
  EXPECT_EQ(guest->receive_ring().take_calls(), 0U);
  EXPECT_EQ(guest->transmit_ring().take_calls(), 0U);
}

TEST_F(VhostUser, EventDescriptorThatWouldBlockIsMadeNotTo) {
  guest->boot();
  const flow::unique_fd blocking(::eventfd(0, EFD_CLOEXEC));
  ::eventfd_write(blocking.get(), ~std::uint64_t{0} - 1);  // full
  front().send(request::set_vring_call, std::uint64_t{0}, std::array{blocking.get()});
  guest_socket s(*kernel, 1000, 80);
  EXPECT_TRUE(s.connect());
}

TEST_F(VhostUser, FrontEndsDepartureIsNoError) {
  front().hang_up();
  guest->settle();
  EXPECT_TRUE(closed);
  EXPECT_FALSE(failure);
}

TEST_F(VhostUser, DepartureInsideAMessageIsOne) {
  front().send_bytes(std::array<std::byte, 5>{});
  front().hang_up();
  guest->settle();
  EXPECT_TRUE(closed);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), flow::errc::truncated);
}

// --- what closes the connection ---

TEST_F(VhostUser, WrongVersionCloses) {
  const flow::device::vhost_user::header header{1, 2, 0};
  front().send_bytes(bytes_of(header));
  expect_closed("version");
}

TEST_F(VhostUser, ReplyInsteadOfRequestCloses) {
  front().send_raw(1, {}, {}, flow::device::vhost_user::flag_reply);
  expect_closed("request");
}

TEST_F(VhostUser, PayloadLargerThanAnyClosesBeforeItIsRead) {
  for (const std::uint32_t size : {269U, 4096U, 0x7fffffffU, 0xffffffffU}) {
    device_under_test d;
    const flow::device::vhost_user::header header{5, 1, size};
    d.guest->front().send_bytes(bytes_of(header));
    EXPECT_TRUE(d.guest->front().closed()) << size;
    EXPECT_TRUE(d.failure) << size;
  }
}

TEST_F(VhostUser, WrongSizeOfEveryRequestCloses) {
  // None of them takes 3 bytes.
  for (std::uint32_t id :
       {1U, 2U, 3U, 4U, 5U, 8U, 9U, 10U, 11U, 12U, 13U, 14U, 15U, 16U, 18U, 24U, 25U}) {
    device_under_test d;
    d.guest->front().send_raw(id, std::array<std::byte, 3>{});
    EXPECT_TRUE(d.guest->front().closed()) << "request " << id;
    EXPECT_TRUE(d.failure) << "request " << id;
  }
}

TEST_F(VhostUser, DescriptorsWhereNoneBelongClose) {
  front().send_raw(1, {}, std::array{guest->ram().fd()});
  expect_closed("request 1");
}

TEST_F(VhostUser, MoreDescriptorsThanAnyMessageHasClose) {
  // Eight each, sent with the two halves of one message.
  const std::array<int, 8> eight{0, 0, 0, 0, 0, 0, 0, 0};
  const flow::device::vhost_user::header header{5, 1, 8};
  front().send_bytes(bytes_of(header), eight);
  const memory_table empty{};
  front().send_bytes(bytes_of(empty), eight);
  expect_closed("descriptors");
}

TEST_F(VhostUser, UnknownRequestCloses) {
  front().send_raw(99, {});
  expect_closed("99");
}

TEST_F(VhostUser, UnknownRequestThatWantsAnAcknowledgementIsDenied) {
  guest->negotiate();
  const std::uint64_t nothing = 0;
  EXPECT_EQ(front().acknowledged(static_cast<request>(99), nothing), 1U);
  EXPECT_FALSE(closed);
}

TEST_F(VhostUser, AcknowledgementIsNotGivenBeforeItWasAgreed) {
  front().send(request::set_features, std::uint64_t{0}, {},
               flow::device::vhost_user::flag_need_reply);
  expect_closed("request 2");
}

namespace {

struct wrong {
  const char* name;
  std::function<std::uint64_t(fake_guest&)> ask;  // returns the acknowledgement
};

template <class T>
std::uint64_t ack(fake_guest& g, request id, const T& payload, std::vector<int> fds = {}) {
  return g.front().acknowledged(id, payload, fds);
}

std::uint64_t table_of(fake_guest& g, const memory_region& region) {
  return ack(g, request::set_mem_table, one_region{{1, 0}, region}, {g.ram().fd()});
}

constexpr auto size = guest_ram::low_size;

const std::vector<wrong> wrongs{
    {"FeaturesNotOffered",
     [](fake_guest& g) {
       return ack(g, request::set_features,
                  (1ULL << VIRTIO_F_VERSION_1) | (1ULL << VIRTIO_RING_F_INDIRECT_DESC));
     }},
    {"NotVirtio1", [](fake_guest& g) { return ack(g, request::set_features, 1ULL << 30U); }},
    {"ProtocolFeaturesNotOffered",
     [](fake_guest& g) { return ack(g, request::set_protocol_features, ~0ULL); }},
    // Memory.
    {"RegionOfNoBytes", [](fake_guest& g) { return table_of(g, {0, 0, 0, 0}); }},
    {"RegionNotOfPages", [](fake_guest& g) { return table_of(g, {0, 100, 0, 0}); }},
    {"RegionAtHalfAPage", [](fake_guest& g) { return table_of(g, {0x800, 0x1000, 0, 0}); }},
    {"RegionWrapsInTheGuest",
     [](fake_guest& g) { return table_of(g, {~0ULL - 0xfff, 0x2000, 0, 0}); }},
    {"RegionWrapsInTheFrontEnd",
     [](fake_guest& g) { return table_of(g, {0, 0x2000, ~0ULL - 0xfff, 0}); }},
    {"RegionWrapsInItsFile",
     [](fake_guest& g) { return table_of(g, {0, 0x2000, 0, ~0ULL - 0xfff}); }},
    {"RegionBeyondItsFile",
     [](fake_guest& g) { return table_of(g, {0, size + guest_ram::high_size + 0x1000, 0, 0}); }},
    {"RegionBeyondItsFileByItsOffset",
     [](fake_guest& g) { return table_of(g, {0, size, 0, guest_ram::high_size + 0x1000}); }},
    {"RegionOfHalfOfAllMemory", [](fake_guest& g) { return table_of(g, {0, 1ULL << 63U, 0, 0}); }},
    {"RegionsOverlapInTheGuest",
     [](fake_guest& g) {
       struct {
         memory_table head{2, 0};
         std::array<memory_region, 2> regions{
             {{0, size, 0x100000, 0}, {size / 2, size, 0x900000, 0}}};
       } t;
       return ack(g, request::set_mem_table, t, {g.ram().fd(), g.ram().fd()});
     }},
    {"RegionsOverlapInTheFrontEnd",
     [](fake_guest& g) {
       struct {
         memory_table head{2, 0};
         std::array<memory_region, 2> regions{
             {{0, size, 0x100000, 0}, {1ULL << 32U, size, 0x100000, 0}}};
       } t;
       return ack(g, request::set_mem_table, t, {g.ram().fd(), g.ram().fd()});
     }},
    {"RegionWithoutDescriptor",
     [](fake_guest& g) {
       return ack(g, request::set_mem_table, one_region{{1, 0}, guest_ram::regions()[0]});
     }},
    {"DescriptorWithoutRegion",
     [](fake_guest& g) {
       return ack(g, request::set_mem_table, one_region{{1, 0}, guest_ram::regions()[0]},
                  {g.ram().fd(), g.ram().fd()});
     }},
    {"MoreRegionsThanItsSizeSays",
     [](fake_guest& g) {
       return ack(g, request::set_mem_table, one_region{{2, 0}, guest_ram::regions()[0]},
                  {g.ram().fd(), g.ram().fd()});
     }},
    {"MoreRegionsThanAllowed",
     [](fake_guest& g) {
       return ack(g, request::set_mem_table, one_region{{0xffffffff, 0}, guest_ram::regions()[0]},
                  {g.ram().fd()});
     }},
    {"MemoryThatIsNotMemory",
     [](fake_guest& g) {
       const flow::unique_fd event(::eventfd(0, EFD_CLOEXEC));
       return ack(g, request::set_mem_table, one_region{{1, 0}, guest_ram::regions()[0]},
                  {event.get()});
     }},
    // Rings.
    {"NumOfNoSuchRing",
     [](fake_guest& g) { return ack(g, request::set_vring_num, vhost_vring_state{2, 128}); }},
    {"NumIsNoPowerOfTwo",
     [](fake_guest& g) { return ack(g, request::set_vring_num, vhost_vring_state{0, 100}); }},
    {"NumIsZero",
     [](fake_guest& g) { return ack(g, request::set_vring_num, vhost_vring_state{0, 0}); }},
    {"NumIsTooLarge",
     [](fake_guest& g) { return ack(g, request::set_vring_num, vhost_vring_state{0, 2048}); }},
    {"NumOf16BitsMore",
     [](fake_guest& g) { return ack(g, request::set_vring_num, vhost_vring_state{0, 0x10000}); }},
    {"BaseOfNoSuchRing",
     [](fake_guest& g) { return ack(g, request::set_vring_base, vhost_vring_state{9, 0}); }},
    {"BaseIsTooLarge",
     [](fake_guest& g) { return ack(g, request::set_vring_base, vhost_vring_state{0, 0x10000}); }},
    {"AddressOfNoSuchRing",
     [](fake_guest& g) {
       return ack(g, request::set_vring_addr, vhost_vring_addr{3, 0, 0, 0, 0, 0});
     }},
    {"AddressWithLog",
     [](fake_guest& g) {
       return ack(g, request::set_vring_addr, vhost_vring_addr{0, 1, 0, 0, 0, 0});
     }},
    {"EnableOfNoSuchRing",
     [](fake_guest& g) { return ack(g, request::set_vring_enable, vhost_vring_state{2, 1}); }},
    {"EnableByTwo",
     [](fake_guest& g) { return ack(g, request::set_vring_enable, vhost_vring_state{0, 2}); }},
    {"KickOfNoSuchRing",
     [](fake_guest& g) {
       return ack(g, request::set_vring_kick, std::uint64_t{2}, {g.receive_ring().kick_fd()});
     }},
    {"KickWithoutDescriptor",
     [](fake_guest& g) { return ack(g, request::set_vring_kick, std::uint64_t{0}); }},
    {"KickByPolling",
     [](fake_guest& g) { return ack(g, request::set_vring_kick, std::uint64_t{0x100}); }},
    {"KickWithUnknownBits",
     [](fake_guest& g) {
       return ack(g, request::set_vring_kick, std::uint64_t{0x200}, {g.receive_ring().kick_fd()});
     }},
    {"KickThatCannotBeWaitedFor",
     [](fake_guest& g) {
       return ack(g, request::set_vring_kick, std::uint64_t{0}, {g.ram().fd()});
     }},
    {"CallWithoutDescriptor",
     [](fake_guest& g) { return ack(g, request::set_vring_call, std::uint64_t{0}); }},
    {"CallWithDescriptorThatIsSaidToBeAbsent",
     [](fake_guest& g) {
       return ack(g, request::set_vring_call, std::uint64_t{0x100}, {g.receive_ring().call_fd()});
     }},
    {"ErrOfNoSuchRing",
     [](fake_guest& g) {
       return ack(g, request::set_vring_err, std::uint64_t{255}, {g.receive_ring().call_fd()});
     }},
};

class Wrong : public ::testing::TestWithParam<wrong> {};

}  // namespace

INSTANTIATE_TEST_SUITE_P(All, Wrong, ::testing::ValuesIn(wrongs),
                         [](const auto& p) { return p.param.name; });

TEST_P(Wrong, IsDeniedAndTheDeviceCanStillBeSetUp) {
  device_under_test d;
  d.guest->negotiate();
  EXPECT_EQ(GetParam().ask(*d.guest), 1U);
  EXPECT_FALSE(d.closed);
  EXPECT_FALSE(d.device.running());
  d.guest->boot();
  EXPECT_TRUE(d.device.running());
}

TEST_F(VhostUser, RunningRingIsNotReconfigured) {
  guest->boot();
  EXPECT_EQ(ack(*guest, request::set_vring_num, vhost_vring_state{0, 64}), 1U);
  EXPECT_EQ(ack(*guest, request::set_vring_base, vhost_vring_state{0, 7}), 1U);
  EXPECT_EQ(ack(*guest, request::set_vring_addr, vhost_vring_addr{1, 0, 0, 0, 0, 0}), 1U);
  EXPECT_EQ(ack(*guest, request::set_features,
                (1ULL << VIRTIO_F_VERSION_1) | (1ULL << VIRTIO_RING_F_EVENT_IDX)),
            1U);
  EXPECT_TRUE(device.running());
  guest_socket s(*kernel, 1000, 80);
  EXPECT_TRUE(s.connect());
}

TEST_F(VhostUser, BaseOfNoSuchRingCloses) {
  const vhost_vring_state nine{9, 0};
  front().send(request::get_vring_base, nine);
  expect_closed("request 11");
}

TEST_F(VhostUser, FrontEndThatReadsNoAnswersIsGivenUp) {
  for (int i = 0; i < 100000 && !closed; ++i) {
    const flow::device::vhost_user::header header{1, 1, 0};
    static_cast<void>(flow::send_with_descriptors(front().fd(), bytes_of(header), {}));
    turn();
  }
  EXPECT_TRUE(closed);
}
