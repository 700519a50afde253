#include "shim/events/publisher.hpp"

#include <gtest/gtest.h>

#include "containerd/events/task.pb.h"
#include "flow/testing/manual_clock.hpp"
#include "shim/config/limits.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/fake_containerd.hpp"
#include "tests/support/settle.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using namespace std::chrono_literals;
using shim::publisher;
using tests::co_test;
using tests::fake_containerd;
using tests::settle;

namespace {

containerd::events::TaskStart started(const std::string& id) {
  containerd::events::TaskStart event;
  event.set_container_id(id);
  return event;
}

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

struct publisher_bench {
  explicit publisher_bench(boost::asio::any_io_executor executor)
      : address(directory / "events"), log(-1), events(executor, address, "k8s.io", log) {}

  tests::temporary_directory directory;
  std::string address;
  flow::log log;
  publisher events;
};

}  // namespace

TEST(Publisher, EventCarriesTopicTypeTimeAndNamespace) {
  co_test([](auto executor) -> awaitable<void> {
    publisher_bench b(executor);
    fake_containerd containerd(executor, b.address);
    b.events.start();
    b.events.publish("/tasks/start", started("c1"));
    co_await containerd.until_taken(1);
    const auto& envelope = containerd.taken.at(0).envelope();
    EXPECT_EQ(envelope.topic(), "/tasks/start");
    EXPECT_EQ(envelope.namespace_(), "k8s.io");
    EXPECT_EQ(containerd.namespaces.at(0), "k8s.io") << "containerd takes it from the metadata";
    EXPECT_EQ(envelope.event().type_url(), "containerd.events.TaskStart");
    EXPECT_GT(envelope.timestamp().seconds(), 1'600'000'000);
    containerd::events::TaskStart event;
    EXPECT_TRUE(event.ParseFromString(envelope.event().value()));
    EXPECT_EQ(event.container_id(), "c1");
    co_await b.events.flush(5s);
    co_await containerd.stop();
  });
}

TEST(Publisher, EventsWaitInOrderWhileContainerdIsAway) {
  co_test([](auto executor) -> awaitable<void> {
    publisher_bench b(executor);
    b.events.start();
    for (const char* topic : {"/1", "/2", "/3"}) {
      b.events.publish(topic, started("c1"));
    }
    co_await settle(executor);
    fake_containerd containerd(executor, b.address);
    co_await containerd.until_taken(3);
    const std::vector<std::string> wanted{"/1", "/2", "/3"};
    EXPECT_EQ(containerd.topics(), wanted);
    co_await b.events.flush(5s);
    co_await containerd.stop();
  });
}

TEST(Publisher, EventThatWasNotTakenIsTriedAgainBeforeTheNext) {
  co_test([](auto executor) -> awaitable<void> {
    publisher_bench b(executor);
    fake_containerd containerd(executor, b.address);
    containerd.refuse = 2;
    b.events.start();
    b.events.publish("/1", started("c1"));
    b.events.publish("/2", started("c1"));
    co_await containerd.until_taken(2);
    const std::vector<std::string> wanted{"/1", "/2"};
    EXPECT_EQ(containerd.topics(), wanted);
    EXPECT_EQ(containerd.calls, 4U);
    co_await b.events.flush(5s);
    co_await containerd.stop();
  });
}

TEST(Publisher, WhatDoesNotFitIsDroppedAndCountedAndTheRestKeepsItsOrder) {
  co_test([](auto executor) -> awaitable<void> {
    publisher_bench b(executor);
    b.events.start();
    const std::string much(shim::limits::queued_event_bytes / 4, 'x');
    for (const char* topic : {"/1", "/2", "/3", "/4", "/5"}) {
      b.events.publish(topic, started(much));
    }
    EXPECT_EQ(b.events.dropped(), 2U);
    b.events.publish("/6", started("small"));
    EXPECT_EQ(b.events.dropped(), 2U) << "there is room for it";
    co_await b.events.flush(0s);
  });
}

TEST(Publisher, ContainerdMayBeRestarted) {
  co_test([](auto executor) -> awaitable<void> {
    publisher_bench b(executor);
    b.events.start();
    {
      fake_containerd before(executor, b.address);
      b.events.publish("/1", started("c1"));
      co_await before.until_taken(1);
      // The answer arrives, too: without it the event would be sent again.
      co_await settle(executor);
      co_await before.stop();
    }
    b.events.publish("/2", started("c1"));
    co_await settle(executor);
    fake_containerd after(executor, b.address);
    b.events.publish("/3", started("c1"));
    co_await after.until_taken(2);
    const std::vector<std::string> wanted{"/2", "/3"};
    EXPECT_EQ(after.topics(), wanted);
    co_await b.events.flush(5s);
    co_await after.stop();
  });
}

TEST(Publisher, FlushReturnsWhenAllWasTaken) {
  co_test([](auto executor) -> awaitable<void> {
    publisher_bench b(executor);
    fake_containerd containerd(executor, b.address);
    b.events.start();
    for (int i = 0; i < 20; ++i) {
      b.events.publish("/e", started("c1"));
    }
    co_await b.events.flush(1h);
    EXPECT_EQ(containerd.taken.size(), 20U);
    co_await containerd.stop();
  });
}

TEST(Publisher, FlushGivesUpOnAContainerdThatIsAway) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    publisher_bench b(executor);
    b.events.start();
    b.events.publish("/1", started("c1"));
    flow::task_group tasks(executor, fail_test);
    tasks.spawn("flush", b.events.flush(5s));
    for (int i = 0; i < 49; ++i) {
      co_await settle(executor);
      time.advance(100ms);
    }
    co_await settle(executor);
    EXPECT_EQ(tasks.size(), 1U) << "it may come back";
    time.advance(100ms);
    co_await tasks.join();
  });
}

TEST(Publisher, NewEventsDoNotShortenThePauseBetweenTries) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    publisher_bench b(executor);
    fake_containerd containerd(executor, b.address);
    containerd.refuse = 1000;
    b.events.start();
    b.events.publish("/1", started("c1"));
    std::size_t tries = 1;
    for (const auto pause : {10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms}) {
      co_await containerd.until_called(tries);
      co_await settle(executor);
      time.advance(pause - 1ms);
      for (int i = 0; i < 3; ++i) {
        b.events.publish("/more", started("c1"));
        co_await settle(executor);
      }
      EXPECT_EQ(containerd.calls, tries) << "in the pause of " << pause.count() << " ms";
      time.advance(1ms);
      ++tries;
    }
    co_await containerd.until_called(tries);
    co_await b.events.flush(0s);
    co_await containerd.stop();
  });
}

TEST(Publisher, AnswerThatComesAfterTheFlushGaveUpHarmsNobody) {
  co_test([](auto executor) -> awaitable<void> {
    publisher_bench b(executor);
    fake_containerd containerd(executor, b.address);
    containerd.hold = true;
    b.events.start();
    b.events.publish("/1", started("c1"));
    co_await containerd.until_called(1);
    flow::task_group tasks(executor, fail_test);
    tasks.spawn("flush", b.events.flush(0s));
    containerd.answer();
    co_await tasks.join();
    co_await containerd.stop();
  });
}

TEST(Publisher, TellsWhichEventsWereTaken) {
  co_test([](auto executor) -> awaitable<void> {
    publisher_bench b(executor);
    EXPECT_EQ(b.events.taken(), 0U);
    EXPECT_EQ(b.events.publish("/1", started("c1")), 1U);
    EXPECT_EQ(b.events.publish("/2", started("c1")), 2U);
    EXPECT_EQ(b.events.taken(), 0U);
    fake_containerd containerd(executor, b.address);
    b.events.start();
    co_await b.events.flush(5s);
    EXPECT_EQ(b.events.taken(), 2U);
    co_await containerd.stop();
  });
}

TEST(Publisher, WithoutAnAddressEventsGoNowhere) {
  co_test([](auto executor) -> awaitable<void> {
    flow::log log(-1);
    publisher events(executor, "", "default", log);
    events.start();
    events.publish("/1", started("c1"));
    co_await events.flush(1h);
  });
}
