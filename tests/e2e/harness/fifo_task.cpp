#include "tests/e2e/harness/fifo_task.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "tests/e2e/harness/terminal_session.hpp"

namespace e2e {

namespace task_api = ::containerd::task::v2;

std::vector<std::string> FifoTaskTest::run_flags() const {
  return {"-d", "--fifo-dir", scratch().string()};
}

void FifoTaskTest::start(std::vector<std::string> command) {
  // ctr's own stdin stays open until ctr has ended, so that it does not close the task's stdin.
  running_command detached(private_containerd::ctr_run(run_flags(), id(), std::move(command)));
  const auto started = detached.finish();
  ASSERT_EQ(started.status, 0) << started.err;
  find_fifos();
}

void FifoTaskTest::start_on_terminal(std::vector<std::string> command) {
  auto flags = run_flags();
  flags.emplace_back("-t");
  terminal_session detached(private_containerd::ctr_run(flags, id(), std::move(command)), 24, 80);
  ASSERT_EQ(detached.finish(), 0) << detached.screen();
  find_fifos();
}

void FifoTaskTest::find_fifos() {
  stdin_path_ = find("-stdin");
  stdout_path_ = find("-stdout");
  shim_ = std::make_unique<shim_connection>(private_containerd::bundle(id()));
}

std::string FifoTaskTest::find(const std::string& ending) const {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch())) {
    if (entry.path().string().ends_with(ending)) {
      return entry.path();
    }
  }
  ADD_FAILURE() << "no FIFO *" << ending;
  return {};
}

void FifoTaskTest::TearDown() {
  shim_.reset();
  ContainerdTest::TearDown();
}

flow::unique_fd FifoTaskTest::attach_stdin() const {
  return flow::unique_fd(::open(stdin_path_.c_str(), O_WRONLY | O_CLOEXEC));
}

void FifoTaskTest::write_all(const flow::unique_fd& to, const std::string& text) const {
  std::size_t done = 0;
  while (done < text.size()) {
    const auto n = ::write(to.get(), text.data() + done, text.size() - done);
    ASSERT_GT(n, 0) << "after " << done << " bytes";
    done += static_cast<std::size_t>(n);
  }
}

std::unique_ptr<running_command> FifoTaskTest::read_stdout() const {
  return std::make_unique<running_command>(std::vector<std::string>{"cat", stdout_path_});
}

void FifoTaskTest::close_io() {
  task_api::CloseIORequest request;
  request.set_id(id());
  request.set_stdin(true);
  const auto closed = shim_->call([&](const auto& task) { return task.close_io(request); });
  EXPECT_TRUE(closed) << closed.error().message();
}

std::uint32_t FifoTaskTest::wait() {
  task_api::WaitRequest request;
  request.set_id(id());
  const auto waited = shim_->call([&](const auto& task) { return task.wait(request); });
  EXPECT_TRUE(waited) << waited.error().message();
  return waited ? waited.value().exit_status() : 0;
}

::containerd::v1::types::Status FifoTaskTest::state() {
  task_api::StateRequest request;
  request.set_id(id());
  const auto state = shim_->call([&](const auto& task) { return task.state(request); });
  return state ? state.value().status() : ::containerd::v1::types::UNKNOWN;
}

}  // namespace e2e
