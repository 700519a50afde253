#include "shim/io/process_streams.hpp"

#include "flow/deadline.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;

namespace {

// The guest answers Close at once; after that nothing of value is under way.
constexpr auto close_deadline = std::chrono::seconds(10);

}  // namespace

result<std::unique_ptr<process_streams>> process_streams::open(flow::asio::any_io_executor executor,
                                                               const std::string& name,
                                                               const stdio_names& names,
                                                               const delivery_limits& limits,
                                                               flow::log& log) {
  auto streams = std::make_unique<process_streams>(executor, log);
  streams->terminal_ = names.terminal;
  if (!names.in.empty()) {
    auto source = fifo_source::open(executor, names.in);
    if (!source) {
      return std::move(source).error();
    }
    streams->input_ = std::make_unique<input>(executor, std::move(source.value()), log);
  }
  // A terminal is read even if nobody wants its output: it would block the process otherwise.
  if (!names.out.empty() || names.terminal) {
    auto sink = open_sink(executor, names.out);
    if (!sink) {
      return std::move(sink).error();
    }
    streams->stdout_ = std::make_unique<delivery>(executor, name + " stdout",
                                                  std::move(sink.value()), limits, log);
  }
  if (!names.err.empty() && !names.terminal) {
    auto sink = open_sink(executor, names.err);
    if (!sink) {
      return std::move(sink).error();
    }
    streams->stderr_ = std::make_unique<delivery>(executor, name + " stderr",
                                                  std::move(sink.value()), limits, log);
  }
  return streams;
}

process_streams::process_streams(flow::asio::any_io_executor executor, flow::log& log)
    : executor_(executor),
      tasks_(executor, [&log](const std::string& task, const std::exception_ptr& failure) {
        log.error("stdio task failed", {{"task", task}, {"err", flow::describe(failure)}});
      }) {}

hvsock::agent::v1::Stdio process_streams::expect(guest& from) {
  hvsock::agent::v1::Stdio wanted;
  wanted.set_terminal(terminal_);
  const auto add = [&from](guest_end& end, hvsock::agent::v1::Stream& to) {
    end.expected = std::make_unique<guest::expected_stream>(from);
    to.set_token(end.expected->token());
  };
  if (input_ && !terminal_) {
    add(stdin_end_, *wanted.mutable_stdin());
  }
  if (stdout_) {
    add(stdout_end_, *wanted.mutable_stdout());
  }
  if (stderr_) {
    add(stderr_end_, *wanted.mutable_stderr());
  }
  return wanted;
}

awaitable<result<void>> process_streams::claim(guest_end& end) {
  if (!end.expected) {
    co_return result<void>();
  }
  auto stream = co_await end.expected->claim();
  end.expected.reset();
  if (!stream) {
    co_return stream.error();
  }
  end.stream.emplace(std::move(stream.value()));
  co_return result<void>();
}

awaitable<result<void>> process_streams::attach() {
  for (guest_end* end : {&stdin_end_, &stdout_end_, &stderr_end_}) {
    const auto claimed = co_await claim(*end);
    if (!claimed) {
      co_return claimed;
    }
  }
  attached_ = true;
  if (stdout_) {
    stdout_->start(*stdout_end_.stream);
  }
  if (stderr_) {
    stderr_->start(*stderr_end_.stream);
  }
  if (input_ && terminal_) {
    input_->start(*stdout_end_.stream);
  }
  if (input_ && !terminal_) {
    tasks_.spawn("stdin", serve_input(*stdin_end_.stream));
  }
  co_return result<void>();
}

awaitable<void> process_streams::serve_input(flow::stream& to) {
  input_->start(to);
  co_await input_->join();
  // The guest says Close when it has every byte of it.
  co_await to.wait_peer_closed();
  static_cast<void>(co_await to.close(close_deadline));
}

void process_streams::give_up() {
  for (guest_end* end : {&stdin_end_, &stdout_end_, &stderr_end_}) {
    end->expected.reset();
    if (end->stream) {
      end->stream->abort();
    }
  }
  if (input_) {
    input_->stop();
  }
  if (std::exchange(attached_, true)) {
    return;
  }
  for (const auto& output : {stdout_.get(), stderr_.get()}) {
    if (output != nullptr) {
      output->start_without_stream();
    }
  }
}

void process_streams::close_io() {
  if (input_) {
    input_->close_io();
  }
}

void process_streams::expedite() {
  for (const auto& output : {stdout_.get(), stderr_.get()}) {
    if (output != nullptr) {
      output->expedite();
    }
  }
}

void process_streams::process_ended() {
  if (input_) {
    input_->stop();
  }
}

awaitable<void> process_streams::wait_safe(std::uint64_t stdout_bytes, std::uint64_t stderr_bytes) {
  // Both at once: a reader that has stalled on one stream must not start the other's clock late.
  flow::task_group both(executor_, [](const std::string&, const std::exception_ptr&) {});
  if (stdout_) {
    both.spawn("stdout", stdout_->wait_safe(stdout_bytes));
  }
  if (stderr_) {
    both.spawn("stderr", stderr_->wait_safe(stderr_bytes));
  }
  co_await both.join();
}

awaitable<void> process_streams::wait_safe_to_end() {
  flow::task_group both(executor_, [](const std::string&, const std::exception_ptr&) {});
  if (stdout_) {
    both.spawn("stdout", stdout_->wait_safe_to_end());
  }
  if (stderr_) {
    both.spawn("stderr", stderr_->wait_safe_to_end());
  }
  co_await both.join();
}

awaitable<void> process_streams::finish(std::chrono::steady_clock::duration limit) {
  const flow::deadline cut_off(executor_, limit, [this] {
    for (guest_end* end : {&stdout_end_, &stderr_end_}) {
      if (end->stream) {
        end->stream->abort();
      }
    }
  });
  for (const auto& output : {stdout_.get(), stderr_.get()}) {
    if (output != nullptr) {
      output->take_all();
    }
  }
  for (const auto& output : {stdout_.get(), stderr_.get()}) {
    if (output != nullptr) {
      co_await output->wait_received();
    }
  }
}

awaitable<void> process_streams::linger() {
  if (!attached_) {
    give_up();
  }
  if (stdin_end_.stream) {
    stdin_end_.stream->abort();
  }
  for (const auto& output : {stdout_.get(), stderr_.get()}) {
    if (output != nullptr) {
      co_await output->linger();
    }
  }
  for (const auto& output : {stdout_.get(), stderr_.get()}) {
    if (output != nullptr) {
      co_await output->join();
    }
  }
  if (input_) {
    co_await input_->join();
  }
  co_await tasks_.join();
}

std::uint64_t process_streams::lost() const {
  return (stdout_ ? stdout_->lost() : 0) + (stderr_ ? stderr_->lost() : 0);
}

bool process_streams::delivered() const {
  return (!stdout_ || stdout_->delivered()) && (!stderr_ || stderr_->delivered());
}

}  // namespace shim
