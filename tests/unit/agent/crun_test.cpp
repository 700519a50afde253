#include "agent/container/crun.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "flow/system/file.hpp"
#include "flow/task_group.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/unit/agent/agent_fixture.hpp"

using agent::crun_error_text;
using flow::awaitable;
using tests::failure_of;
using tests::fixture_test;

namespace {

const agent::process_descriptors no_descriptors;

// A script in crun's place. It is called as: --root R --log L --log-format json
// --cgroup-manager cgroupfs VERB ..., so $4 is the log and $9 the verb.
struct bench {
  explicit bench(const boost::asio::any_io_executor& executor)
      : children(executor),
        crun(children, directory / "crun"),
        tasks(executor, [](const std::string& name, const std::exception_ptr& e) {
          ADD_FAILURE() << name << ": " << flow::describe(e);
        }) {
    bundle = directory / "bundle";
    std::filesystem::create_directory(bundle);
    tasks.spawn("reaper", children.run());
  }

  void install(const std::string& script) const {
    EXPECT_TRUE(flow::write_file(directory / "crun", "#!/bin/sh\n" + script + "\n"));
    std::filesystem::permissions(directory / "crun", std::filesystem::perms::owner_all);
  }

  awaitable<void> end() {
    children.stop();
    co_await tasks.join();
  }

  std::string content(const std::string& name) const {
    const auto text = flow::read_file(directory / name);
    return text ? text.value() : "missing";
  }

  tests::temporary_directory directory;
  std::string bundle;
  agent::reaper children;
  agent::crun crun;
  flow::task_group tasks;
};

}  // namespace

TEST(CrunErrorText, IsTheMessageOfTheError) {
  EXPECT_EQ(crun_error_text(R"({"msg":"no such file","level":"error","time":"now"})"
                            "\n"),
            "no such file");
}

TEST(CrunErrorText, JoinsSeveralErrorsAndLeavesOutWhatIsNone) {
  EXPECT_EQ(crun_error_text(R"({"msg":"cgroup v1","level":"warning"})"
                            "\n"
                            R"({"msg":"first","level":"error"})"
                            "\n"
                            R"({"msg":"second"})"),
            "first: second");
}

TEST(CrunErrorText, SkipsWhatItDoesNotUnderstand) {
  EXPECT_EQ(crun_error_text(""), "");
  EXPECT_EQ(crun_error_text("\n\n"), "");
  EXPECT_EQ(crun_error_text("plain text\n{\"msg\":\n[1]\n{}\n{\"msg\":1}\n{\"msg\":\"kept\"}\n"),
            "kept");
}

TEST(CrunErrorText, SurvivesNestingWithoutEnd) {
  EXPECT_EQ(crun_error_text(std::string(1 << 20, '[')), "");
}

TEST(Crun, CreateReturnsThePidAndPassesTheBundle) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.install(R"(echo "$@" > $(dirname $0)/arguments; echo 4711 > $(dirname $0)/bundle/pid)");
    const auto pid = co_await b.crun.create("c1", b.bundle, no_descriptors, "");
    EXPECT_TRUE(pid) << failure_of(pid);
    EXPECT_EQ(pid.value(), 4711);
    EXPECT_EQ(b.content("arguments"), "--root /run/crun --log " + b.bundle +
                                          "/log --log-format json --cgroup-manager cgroupfs create "
                                          "--bundle " +
                                          b.bundle + " --pid-file " + b.bundle + "/pid c1\n");
  });
}

TEST(Crun, ExecIsDetachedAndHasATerminalWhereOneIsNamed) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.install(R"(shift 8; echo "$@" > $(dirname $0)/arguments; echo 5 > $(dirname $0)/p.pid)");
    const auto file = b.directory / "p";
    const auto pid = co_await b.crun.exec("c1", file, no_descriptors, "/the/socket");
    EXPECT_TRUE(pid) << failure_of(pid);
    EXPECT_EQ(b.content("arguments"), "exec --detach --process " + file + " --pid-file " + file +
                                          ".pid --console-socket /the/socket c1\n");
  });
}

TEST(Crun, ProcessGetsItsDescriptorsAndNullWhereThereIsNone) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.install(R"(cat; echo lost >&2; readlink /proc/self/fd/0 > $(dirname $0)/in
                         readlink /proc/self/fd/2 > $(dirname $0)/err
                         echo 1 > $(dirname $0)/bundle/pid)");
    const flow::unique_fd out(
        ::open((b.directory / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const agent::process_descriptors descriptors{.in = -1, .out = out.get(), .err = -1};
    const auto pid = co_await b.crun.create("c1", b.bundle, descriptors, "");
    EXPECT_TRUE(pid) << failure_of(pid);
    EXPECT_EQ(b.content("in"), "/dev/null\n");
    EXPECT_EQ(b.content("err"), "/dev/null\n");
    EXPECT_EQ(b.content("out"), "");
  });
}

TEST(Crun, FailureIsToldInItsOwnWords) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.install(R"(echo '{"msg":"no such executable","level":"error"}' > $4; exit 1)");
    const auto created = co_await b.crun.create("c1", b.bundle, no_descriptors, "");
    EXPECT_EQ(failure_of(created), "no such executable: unknown");
    const auto started = co_await b.crun.start("c1", b.bundle);
    EXPECT_EQ(failure_of(started), "no such executable: unknown");
    const auto ran = co_await b.crun.exec("c1", b.directory / "p", no_descriptors, "");
    EXPECT_EQ(failure_of(ran), "no such executable: unknown");
    const auto removed = co_await b.crun.remove("c1", b.bundle);
    EXPECT_EQ(failure_of(removed), "no such executable: unknown");
  });
}

TEST(Crun, FailureWithoutWordsIsToldByItsStatus) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.install("exit 125");
    const auto started = co_await b.crun.start("c1", b.bundle);
    EXPECT_EQ(failure_of(started), "crun exited with status 125: unknown");
  });
}

TEST(Crun, DeathByASignalIsAFailure) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.install("kill -KILL $$");
    const auto started = co_await b.crun.start("c1", b.bundle);
    EXPECT_EQ(failure_of(started), "crun exited with status 137: unknown");
  });
}

TEST(Crun, WordsOfAnEarlierCallAreNotRepeated) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.install("exit 1");
    EXPECT_TRUE(flow::write_file(b.bundle + "/log", R"({"msg":"old","level":"error"})"));
    const auto started = co_await b.crun.start("c1", b.bundle);
    EXPECT_EQ(failure_of(started), "crun exited with status 1: unknown");
  });
}

TEST(Crun, SuccessWithoutAPidIsAFailure) {
  for (const char* script :
       {"true", "echo > $(dirname $0)/bundle/pid", "echo x12 > $(dirname $0)/bundle/pid",
        "echo 0 > $(dirname $0)/bundle/pid", "echo -7 > $(dirname $0)/bundle/pid",
        "echo 99999999999999 > $(dirname $0)/bundle/pid"}) {
    SCOPED_TRACE(script);
    fixture_test<bench>([script](bench& b) -> awaitable<void> {
      b.install(script);
      const auto created = co_await b.crun.create("c1", b.bundle, no_descriptors, "");
      EXPECT_FALSE(created);
    });
  }
}

TEST(Crun, ProgramThatIsNotThereIsAFailure) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    const auto started = co_await b.crun.start("c1", b.bundle);
    EXPECT_EQ(failure_of(started),
              "execute " + (b.directory / "crun") + ": No such file or directory");
  });
}
