#include "flow/device/vsock/credit.hpp"

#include <gtest/gtest.h>

using flow::device::receive_credit;
using flow::device::send_credit;

TEST(ReceiveCredit, IsUsedUpByBytesAndGivenBackByForwarding) {
  receive_credit c(100);
  EXPECT_TRUE(c.receive(100));
  EXPECT_FALSE(c.receive(1));
  c.forward(40);
  EXPECT_FALSE(c.receive(41));
  EXPECT_TRUE(c.receive(40));
  EXPECT_FALSE(c.receive(1));
}

TEST(ReceiveCredit, RefusedBytesAreNotCounted) {
  receive_credit c(100);
  EXPECT_FALSE(c.receive(101));
  EXPECT_TRUE(c.receive(100));
}

TEST(ReceiveCredit, UpdateIsDueAfterAQuarterAndNotBefore) {
  receive_credit c(100);
  EXPECT_TRUE(c.receive(100));
  c.forward(24);
  EXPECT_FALSE(c.update_due());
  c.forward(1);
  EXPECT_TRUE(c.update_due());
  EXPECT_EQ(c.announce(), 25U);
  EXPECT_FALSE(c.update_due());
}

TEST(ReceiveCredit, CountersMayWrap) {
  receive_credit c(0x40000);
  for (int i = 0; i < 70000; ++i) {
    ASSERT_TRUE(c.receive(0x10000)) << i;
    c.forward(0x10000);
    ASSERT_TRUE(c.receive(0x40000));
    ASSERT_FALSE(c.receive(1));
    c.forward(0x40000);
    c.announce();
  }
}

TEST(SendCredit, IsWhatThePeerHasRoomFor) {
  send_credit c;
  EXPECT_EQ(c.available(), 0U);
  c.update(100, 0);
  EXPECT_EQ(c.available(), 100U);
  c.send(60);
  EXPECT_EQ(c.available(), 40U);
  c.update(100, 60);
  EXPECT_EQ(c.available(), 100U);
}

TEST(SendCredit, PeerThatShrinksOrLiesGetsNothing) {
  send_credit c;
  c.update(100, 0);
  c.send(100);
  c.update(50, 0);
  EXPECT_EQ(c.available(), 0U);
  c.update(50, 101);  // claims to have read more than was sent
  EXPECT_EQ(c.available(), 0U);
  c.update(0xffffffff, 100);
  EXPECT_EQ(c.available(), 0xffffffffU);
}

TEST(SendCredit, CountersMayWrap) {
  send_credit c;
  std::uint32_t forwarded = 0;
  for (int i = 0; i < 70000; ++i) {
    c.update(0x10000, forwarded);
    ASSERT_EQ(c.available(), 0x10000U);
    c.send(0x10000);
    ASSERT_EQ(c.available(), 0U);
    forwarded += 0x10000;
  }
}
