// Restarts of the guest: reset, pause, death of its virtual machine.
#include "tests/unit/device/device_fixture.hpp"

using namespace tests;

namespace {

// All the data that the guest can have sent to a host that does not read.
std::string fill(guest_kernel& kernel, guest_socket& s) {
  const auto text = pattern(2000000);
  std::size_t sent = 0;
  for (int i = 0; i < 50; ++i) {
    sent += s.send_some(std::string_view(text).substr(sent));
    kernel.turn();
  }
  return text.substr(0, sent);
}

}  // namespace

TEST_F(DeviceTest, RebootEndsTheConnectionsOfTheOldLife) {
  auto old = connect();
  EXPECT_TRUE(old.guest->send("before"));
  guest->stop();
  old.guest.reset();
  guest->boot();
  EXPECT_EQ(read_all(old.host), "before");
  EXPECT_TRUE(old.host.end_of_file());
  EXPECT_EQ(device.connections(), 0U);

  auto fresh = connect();
  EXPECT_TRUE(fresh.guest->send("after"));
  EXPECT_EQ(read_all(fresh.host, 5), "after");
  packet stray;
  EXPECT_FALSE(kernel->take_stray(stray));
}

TEST_F(DeviceTest, RebootLosesNothingThatTheOldLifeSent) {
  auto old = connect();
  const auto text = fill(*kernel, *old.guest);
  guest->stop();
  guest->boot();
  EXPECT_EQ(device.lingering(), 1U);
  EXPECT_EQ(read_all(old.host), text);
}

TEST_F(DeviceTest, ManyRebootsLeaveNothingBehind) {
  for (int life = 0; life < 50; ++life) {
    auto c = connect();
    EXPECT_TRUE(c.guest->send("x"));
    c.host.send("y");
    kernel->turn();
    guest->stop();
    guest->boot();
    EXPECT_EQ(read_all(c.host), "x");
  }
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, PauseKeepsTheConnections) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send("before "));
  const auto bases = guest->stop();
  EXPECT_FALSE(device.running());
  EXPECT_EQ(bases.transmit, 2);  // REQUEST and RW
  c.host.send("while it sleeps");
  settle();
  EXPECT_EQ(c.guest->received(), "");

  guest->resume(bases);
  EXPECT_TRUE(until([&] { return c.guest->received() == "while it sleeps"; }));
  EXPECT_TRUE(c.guest->send("after"));
  EXPECT_EQ(read_all(c.host, 12), "before after");
}

TEST_F(DeviceTest, PauseKeepsWhatWaitsForTheHost) {
  auto c = connect();
  const auto text = fill(*kernel, *c.guest);
  guest->resume(guest->stop());
  EXPECT_EQ(read_all(c.host, text.size()), text);
  EXPECT_TRUE(until([&] { return c.guest->credit() >= flow::device::receive_buffer / 4 * 3; }));
}

TEST_F(DeviceTest, HostsCloseDuringAPauseIsToldAfterwards) {
  auto c = connect();
  const auto bases = guest->stop();
  c.host.close();
  settle();
  guest->resume(bases);
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() == 3; }));
}

TEST_F(DeviceTest, ResumeAtAnotherPlaceIsAnotherLife) {
  auto c = connect();
  const auto bases = guest->stop();
  c.guest.reset();
  guest->receive_ring().clear();
  guest->transmit_ring().clear();
  guest->resume({0, bases.transmit});
  EXPECT_EQ(read_all(c.host), "");
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, PacketsHandedOverBeforeAStopAreDelivered) {
  auto c = connect();
  auto h = guest->header(VIRTIO_VSOCK_OP_RW, 1000, 80);
  h.len = 4;
  for (int i = 0; i < 10; ++i) {
    guest->transmit_quietly(h, "abcd");  // no kick
  }
  guest->stop();
  EXPECT_EQ(c.host.read().size(), 40U);
}

TEST_F(DeviceTest, DisabledRingsStopTheDeviceUntilEnabled) {
  auto c = connect();
  guest->enable(1, false);
  guest->settle();
  EXPECT_FALSE(device.running());
  c.guest->transmit(VIRTIO_VSOCK_OP_RW, "x");
  settle();
  EXPECT_EQ(c.host.read(), "");
  guest->enable(1, true);
  EXPECT_EQ(read_all(c.host, 1), "x");
}

TEST_F(DeviceTest, MemoryMappedAnewChangesNothingForTheGuest) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send("one "));
  guest->share_memory();
  EXPECT_TRUE(device.running());
  EXPECT_TRUE(c.guest->send("two"));
  EXPECT_EQ(read_all(c.host, 7), "one two");
  c.host.send("three");
  EXPECT_TRUE(until([&] { return c.guest->received() == "three"; }));
}

TEST_F(DeviceTest, MemoryWithoutTheRingsBreaksTheDevice) {
  auto c = connect();
  struct {
    flow::device::vhost_user::memory_table head{1, 0};
    flow::device::memory_region region = guest_ram::regions()[1];
  } table;
  EXPECT_NE(guest->front().acknowledged(front_end::request::set_mem_table, table,
                                        std::array{guest->ram().fd()}),
            0U);
  EXPECT_FALSE(device.running());
  guest->kick();
  settle();
  EXPECT_EQ(read_all(c.host), "");
}

// --- death ---

TEST_F(DeviceTest, DeathOfTheFrontEndEndsTheHostsSockets) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send("last"));
  guest->front().hang_up();
  EXPECT_TRUE(until([&] { return closed; }));
  EXPECT_FALSE(failure) << failure->message();
  EXPECT_EQ(read_all(c.host), "last");
  EXPECT_TRUE(c.host.end_of_file());
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, DeathMidStreamDeliversWhatWasReceived) {
  auto c = connect();
  const auto text = fill(*kernel, *c.guest);
  guest->front().hang_up();
  EXPECT_TRUE(until([&] { return closed; }));
  EXPECT_EQ(device.lingering(), 1U);
  EXPECT_EQ(read_all(c.host), text);
  EXPECT_EQ(device.lingering(), 0U);
}

TEST_F(DeviceTest, DeathDeliversEvenWhatTheGuestHadNotKickedFor) {
  auto c = connect();
  auto h = guest->header(VIRTIO_VSOCK_OP_RW, 1000, 80);
  h.len = 4;
  for (int i = 0; i < 60; ++i) {
    guest->transmit_quietly(h, "abcd");
  }
  guest->front().hang_up();
  EXPECT_TRUE(until([&] { return closed; }));
  EXPECT_EQ(read_all(c.host).size(), 240U);
}

TEST_F(DeviceTest, DeathWithAHostWhoseWordsWereNotReadIsAResetForIt) {
  auto c = connect(1000, 80, 100);
  c.guest->stop_reading();
  c.host.send(pattern(1000));
  EXPECT_TRUE(c.guest->send("bye"));
  guest->front().hang_up();
  EXPECT_TRUE(until([&] { return closed; }));
  EXPECT_EQ(read_all(c.host), "bye");
  EXPECT_EQ(c.host.error(), ECONNRESET);
}
