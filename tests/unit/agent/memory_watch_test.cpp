#include "agent/container/memory_watch.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "flow/event.hpp"
#include "flow/system/file.hpp"
#include "flow/task_group.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using tests::fixture_test;

namespace {

struct bench {
  explicit bench(const boost::asio::any_io_executor& executor)
      : heard_(executor),
        watch(executor,
              [this](std::uint32_t number) {
                changes.push_back(number);
                heard_.notify_all();
              }),
        tasks(executor, [](const std::string& name, const std::exception_ptr& e) {
          ADD_FAILURE() << name << ": " << flow::describe(e);
        }) {
    tasks.spawn("watch", watch.run());
  }

  std::string make_cgroup(const std::string& name) const {
    const std::string path = directory / name;
    std::filesystem::create_directory(path);
    change(path);
    return path;
  }

  static void change(const std::string& cgroup) {
    EXPECT_TRUE(flow::write_file(cgroup + "/memory.events", "oom_kill 1\n"));
  }

  // Waits for the last of them; opening and writing a plain file are a change each.
  awaitable<void> until_heard(std::uint32_t number) {
    const auto heard_last = [&] { return !changes.empty() && changes.back() == number; };
    co_await heard_.wait(heard_last);
  }

  awaitable<void> end() {
    watch.stop();
    co_await tasks.join();
  }

  tests::temporary_directory directory;
  std::vector<std::uint32_t> changes;
  flow::event heard_;
  agent::memory_watch watch;
  flow::task_group tasks;
};

}  // namespace

TEST(MemoryWatch, TellsWhoseMemoryEventsChanged) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    const auto first = b.make_cgroup("first");
    const auto second = b.make_cgroup("second");
    EXPECT_TRUE(b.watch.add(1, first));
    EXPECT_TRUE(b.watch.add(2, second));
    bench::change(second);
    co_await b.until_heard(2);
    bench::change(first);
    co_await b.until_heard(1);
  });
}

TEST(MemoryWatch, HearsNothingOfWhatWasTakenAway) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    const auto first = b.make_cgroup("first");
    const auto second = b.make_cgroup("second");
    const auto third = b.make_cgroup("third");
    EXPECT_TRUE(b.watch.add(1, first));
    EXPECT_TRUE(b.watch.add(2, second));
    EXPECT_TRUE(b.watch.add(3, third));
    b.watch.remove(1);
    bench::change(first);
    std::filesystem::remove_all(second);
    bench::change(third);
    co_await b.until_heard(3);
    EXPECT_EQ(std::count(b.changes.begin(), b.changes.end(), 1U), 0);
    // Its watch went with it.
    b.watch.remove(2);
  });
}

TEST(MemoryWatch, CgroupThatIsNotThereCannotBeWatched) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    const auto refused = b.watch.add(1, b.directory / "nowhere");
    EXPECT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("nowhere/memory.events"), std::string::npos);
    co_return;
  });
}
