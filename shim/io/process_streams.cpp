#include "shim/io/process_streams.hpp"

#include "flow/deadline.hpp"
#include "shim/config/limits.hpp"
#include "shim/io/fifo.hpp"
#include "shim/io/open_sink.hpp"
#include "shim/io/stream_ends.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;

namespace {}  // namespace

result<std::unique_ptr<process_streams>> process_streams::open(
    const flow::asio::any_io_executor& executor, const std::string& name, const stdio_owner& owner,
    const stdio_names& names, streaming& connected, const delivery_limits& limits, flow::log& log) {
  auto streams = std::make_unique<process_streams>(executor, connected, log);
  streams->terminal_ = names.terminal;
  if (!names.in.empty()) {
    auto in = streams->open_input(names.in);
    if (!in) {
      return std::move(in).error();
    }
    streams->input_ = std::make_unique<input>(executor, std::move(in.value()), log);
  }
  if (auto opened = streams->open_outputs(name, owner, names, limits); !opened) {
    return std::move(opened).error();
  }
  return streams;
}

process_streams::process_streams(const flow::asio::any_io_executor& executor, streaming& connected,
                                 flow::log& log)
    : executor_(executor),
      connected_(connected),
      log_(log),
      tasks_(executor, [&log](const std::string& task, const std::exception_ptr& failure) {
        log.error("stdio task failed", {{"task", task}, {"err", flow::describe(failure)}});
      }) {}

result<std::unique_ptr<source>> process_streams::open_input(const std::string& name) {
  const auto uri = parse_stdio_uri(name);
  if (uri.what == stdio_uri::kind::stream) {
    auto made = streaming::endpoint::make(connected_, uri.path, streaming::endpoint::way::input);
    if (!made) {
      return std::move(made).error();
    }
    return std::unique_ptr<source>(std::make_unique<stream_source>(std::move(made.value())));
  }
  auto fifo = fifo_source::open(executor_, uri.what == stdio_uri::kind::path ? uri.path : name);
  if (!fifo) {
    return std::move(fifo).error();
  }
  return std::unique_ptr<source>(std::make_unique<fifo_source>(std::move(fifo.value())));
}

result<void> process_streams::open_outputs(const std::string& name, const stdio_owner& owner,
                                           const stdio_names& names,
                                           const delivery_limits& limits) {
  const auto out_uri = parse_stdio_uri(names.out);
  // A terminal is read even if nobody wants its output: it would block the process otherwise.
  if (!names.out.empty() || names.terminal) {
    auto out = open_output(out_uri, owner, limits.logger, &logger::take_stdout);
    if (!out) {
      return std::move(out).error();
    }
    stdout_ = std::make_unique<delivery>(executor_, name + " stdout", std::move(out.value()),
                                         limits, log_);
  }
  if (!names.err.empty() && !names.terminal) {
    const bool one_place =
        out_uri.what == stdio_uri::kind::file || out_uri.what == stdio_uri::kind::binary;
    auto err = open_output(one_place ? out_uri : parse_stdio_uri(names.err), owner, limits.logger,
                           &logger::take_stderr);
    if (!err) {
      return std::move(err).error();
    }
    stderr_ = std::make_unique<delivery>(executor_, name + " stderr", std::move(err.value()),
                                         limits, log_);
  }
  if (logger_) {
    logger_->close_untaken();
  }
  return {};
}

result<std::unique_ptr<sink>> process_streams::open_output(const stdio_uri& uri,
                                                           const stdio_owner& owner,
                                                           const logger_limits& limits,
                                                           std::unique_ptr<sink> (logger::*end)()) {
  if (uri.what == stdio_uri::kind::stream) {
    auto made = streaming::endpoint::make(connected_, uri.path, streaming::endpoint::way::output);
    if (!made) {
      return std::move(made).error();
    }
    return std::unique_ptr<sink>(std::make_unique<stream_sink>(std::move(made.value())));
  }
  if (uri.what != stdio_uri::kind::binary) {
    return open_sink(executor_, uri);
  }
  if (!logger_) {
    auto started = logger::start(executor_, uri, owner, limits, log_);
    if (!started) {
      return std::move(started).error();
    }
    logger_ = std::move(started.value());
  }
  return ((*logger_).*end)();
}

awaitable<result<void>> process_streams::ready() {
  if (!logger_) {
    co_return result<void>();
  }
  co_return co_await logger_->wait_ready();
}

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
  static_cast<void>(co_await to.close(limits::close_stream));
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
  if (logger_) {
    logger_->give_up();
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
  const auto end = std::chrono::steady_clock::now() + limit;
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
  // Whoever deletes a process may look at its log next.
  if (logger_) {
    static_cast<void>(co_await logger_->wait_ended(end - std::chrono::steady_clock::now()));
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
  if (logger_) {
    co_await logger_->join();
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
