// Events of random life cycles: whatever is done to tasks, and in whatever order, the published
// events obey containerd's rules.
//
// HVSOCK_LIFECYCLES is the number of life cycles, HVSOCK_SEED the seed: set it to the printed one
// to repeat a run.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <random>

#include "flow/task_group.hpp"
#include "tests/e2e/harness/environment.hpp"
#include "tests/e2e/harness/event_rules.hpp"
#include "tests/e2e/harness/fixture.hpp"
#include "tests/e2e/harness/standalone_shim.hpp"
#include "tests/support/fake_containerd.hpp"

using e2e::from_environment;
using e2e::standalone_connection;
using e2e::standalone_shim;
using flow::awaitable;
namespace api = ::containerd::task::v2;

namespace {

// One machine, a recorder in containerd's place, and a log of the calls.
struct stage {
  stage(const flow::asio::any_io_executor& ex, const std::filesystem::path& directory)
      : executor(ex),
        log(STDERR_FILENO, flow::log::level::error),
        shim(directory, "pod"),
        containerd(ex, shim.events_address()),
        connection(ex, log) {}

  flow::asio::any_io_executor executor;
  flow::log log;
  standalone_shim shim;
  tests::fake_containerd containerd;
  standalone_connection connection;
  e2e::facts happened;
};

template <class Request>
Request request_for(const std::string& id, const std::string& exec_id = "") {
  Request request;
  request.set_id(id);
  if constexpr (requires { request.set_exec_id(exec_id); }) {
    request.set_exec_id(exec_id);
  }
  return request;
}

// One life of a container; its own generator makes all choices.
class lifecycle {
 public:
  lifecycle(stage& on, std::string id, unsigned seed)
      : stage_(on),
        id_(std::move(id)),
        chance_(seed),
        execs_(on.executor, [](const std::string& name, const std::exception_ptr& failure) {
          ADD_FAILURE() << name << ": " << flow::describe(failure);
        }) {}

  awaitable<void> run() {
    auto& facts = stage_.happened[id_];
    api::CreateTaskRequest create;
    create.set_id(id_);
    program_ = choose();
    create.set_bundle(stage_.shim.make_bundle(id_, program_.argv));
    const auto created = co_await task().create(create);
    facts.added = static_cast<bool>(created);
    if (!created) {
      EXPECT_FALSE(program_.possible) << id_ << ": " << created.error().message();
      co_return;
    }
    if (!percent(10)) {
      const auto start = request_for<api::StartRequest>(id_);
      const auto started = co_await task().start(start);
      facts.started = static_cast<bool>(started);
      EXPECT_EQ(facts.started, program_.possible) << id_;
    }
    if (facts.started) {
      co_await live();
    }
    co_await execs_.join();
    const auto remove = request_for<api::DeleteRequest>(id_);
    const auto removed = co_await task().delete_(remove);
    EXPECT_TRUE(removed) << id_ << ": " << removed.error().message();
    facts.deleted = static_cast<bool>(removed);
  }

 private:
  const api::task_client& task() const { return stage_.connection.task(); }

  unsigned up_to(unsigned most) {
    return std::uniform_int_distribution<unsigned>(0, most)(chance_);
  }
  bool percent(unsigned share) { return up_to(99) < share; }

  // The command of a process: it ends at once, a little later, or never, or cannot even start.
  struct program {
    std::vector<std::string> argv;
    bool possible = true;
    bool ends = true;
  };

  program choose() {
    const std::string exit = "exit " + std::to_string(up_to(120));
    switch (up_to(9)) {
      case 0:
        return {.argv = {"/nonexistent"}, .possible = false};
      case 1:
        return {.argv = {"true"}};
      case 2:
        return {.argv = {"sh", "-c", exit}};
      case 3:
      case 4:
        return {.argv = {"sh", "-c", "sleep 0." + std::to_string(up_to(9)) + "; " + exit}};
      default:
        return {.argv = {"sleep", "1000"}, .ends = false};
    }
  }

  awaitable<void> pass(unsigned milliseconds) {
    boost::asio::steady_timer timer(stage_.executor, std::chrono::milliseconds(milliseconds));
    co_await timer.async_wait(flow::as_result);
  }

  awaitable<void> live() {
    for (unsigned i = up_to(3); i > 0; --i) {
      const std::string exec_id = "e" + std::to_string(i);
      execs_.spawn(exec_id, run_exec(exec_id, up_to(600), choose()));
    }
    co_await pass(up_to(1200));
    if (percent(20)) {
      stage_.containerd.refuse = up_to(3);
    }
    if (!program_.ends || percent(50)) {
      auto kill = request_for<api::KillRequest>(id_);
      kill.set_signal(program_.ends && percent(50) ? SIGTERM : SIGKILL);
      kill.set_all(percent(50));
      // The answer is not_found if the process has already exited.
      static_cast<void>(co_await task().kill(kill));
    }
    const auto wait = request_for<api::WaitRequest>(id_);
    const auto waited = co_await task().wait(wait);
    EXPECT_TRUE(waited) << id_ << ": " << waited.error().message();
    if (waited) {
      stage_.happened[id_].status = static_cast<int>(waited.value().exit_status());
    }
  }

  awaitable<void> run_exec(std::string exec_id, unsigned delay, program what) {
    co_await pass(delay);
    auto& facts = stage_.happened[id_ + "/" + exec_id];
    auto exec = request_for<api::ExecProcessRequest>(id_, exec_id);
    std::string arguments;
    for (const auto& one : what.argv) {
      arguments += (arguments.empty() ? "\"" : ",\"") + one + "\"";
    }
    exec.mutable_spec()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Process");
    exec.mutable_spec()->set_value(R"({"args":[)" + arguments +
                                   R"(],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}})");
    const auto added = co_await task().exec(exec);
    facts.added = static_cast<bool>(added);
    if (!added) {
      co_return;  // the container has ended meanwhile
    }
    const auto start = request_for<api::StartRequest>(id_, exec_id);
    const auto started = co_await task().start(start);
    facts.started = static_cast<bool>(started);
    EXPECT_TRUE(what.possible || !started) << id_ << "/" << exec_id;
    if (started && (!what.ends || percent(30))) {
      auto kill = request_for<api::KillRequest>(id_, exec_id);
      kill.set_signal(SIGKILL);
      static_cast<void>(co_await task().kill(kill));
    }
    if (started) {
      const auto wait = request_for<api::WaitRequest>(id_, exec_id);
      const auto waited = co_await task().wait(wait);
      EXPECT_TRUE(waited) << id_ << "/" << exec_id << ": " << waited.error().message();
      if (waited) {
        facts.status = static_cast<int>(waited.value().exit_status());
      }
    }
    if (percent(80)) {
      const auto remove = request_for<api::DeleteRequest>(id_, exec_id);
      const auto removed = co_await task().delete_(remove);
      EXPECT_TRUE(removed) << id_ << "/" << exec_id << ": " << removed.error().message();
    }
  }

  stage& stage_;
  std::string id_;
  std::mt19937 chance_;
  program program_;
  flow::task_group execs_;
};

awaitable<void> take_turns(stage& on, unsigned& next, unsigned count, unsigned seed) {
  while (next < count) {
    const unsigned number = next++;
    lifecycle one(on, "c" + std::to_string(number), seed + number);
    co_await one.run();
  }
}

awaitable<void> run_lifecycles(stage& on, unsigned count, unsigned seed) {
  co_await on.connection.open(on.shim.address());
  flow::task_group turns(on.executor,
                         [](const std::string& name, const std::exception_ptr& failure) {
                           ADD_FAILURE() << name << ": " << flow::describe(failure);
                         });
  unsigned next = 0;
  constexpr int at_once = 4;
  for (int i = 0; i < at_once; ++i) {
    turns.spawn("turns", take_turns(on, next, count, seed));
  }
  co_await turns.join();
  // The shim ends after it has published everything.
  const api::ShutdownRequest shutdown;
  static_cast<void>(co_await on.connection.task().shutdown(shutdown));
  co_await on.connection.close();
}

class EventOrder : public e2e::ContainerdTest {
 protected:
  static bool gone() { return e2e::shim_processes(e2e::private_containerd::directory()).empty(); }
};

}  // namespace

TEST_F(EventOrder, KeepsTheRulesOverRandomLifecycles) {
  const unsigned count = from_environment("HVSOCK_LIFECYCLES", 30);
  const unsigned seed = from_environment("HVSOCK_SEED", std::random_device()());
  std::printf("%u lifecycles, HVSOCK_SEED=%u\n", count, seed);
  flow::asio::io_context context(1);
  stage on(context.get_executor(), scratch());
  on.shim.start();
  const auto run = [&context](awaitable<void> work) {
    bool done = false;
    boost::asio::co_spawn(context, std::move(work), [&](const std::exception_ptr& failure) {
      done = true;
      if (failure) {
        ADD_FAILURE() << flow::describe(failure);
      }
    });
    context.restart();
    while (!done) {
      context.run_one();
    }
  };
  run(run_lifecycles(on, count, seed));
  // Its last events may arrive until it has exited.
  EXPECT_TRUE(e2e::eventually([&] {
    context.restart();
    context.poll();
    return gone();
  }));
  run(on.containerd.stop());
  std::string broken;
  for (const auto& rule : e2e::broken_rules(on.containerd.taken, on.happened)) {
    broken += rule + "\n";
  }
  EXPECT_EQ(broken, "") << "HVSOCK_SEED=" << seed;
  EXPECT_GE(on.containerd.taken.size(), count) << "nothing was recorded";
  std::printf("%zu processes, %zu events\n", on.happened.size(), on.containerd.taken.size());
  EXPECT_EQ(on.shim.remove(), 0);
  if (HasFailure()) {
    std::fprintf(stderr, "--- shim ---\n%s------------\n", on.shim.log().c_str());
  }
}
