#include "shim/io/process_streams.hpp"

#include "flow/deadline.hpp"
#include "flow/system/log_failures.hpp"
#include "shim/io/fifo.hpp"
#include "shim/io/open_sink.hpp"
#include "shim/io/stream_ends.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;

result<std::unique_ptr<process_streams>> process_streams::open(const stdio_context& with,
                                                               const stdio_request& wanted) {
  auto streams = std::make_unique<process_streams>(with, wanted);
  if (!wanted.names.in.empty()) {
    if (auto opened = streams->open_input(wanted.names.in); !opened) {
      return std::move(opened).error();
    }
  }
  if (auto opened = streams->open_outputs(wanted); !opened) {
    return std::move(opened).error();
  }
  return streams;
}

process_streams::process_streams(const stdio_context& with, const stdio_request& wanted)
    : with_(with),
      terminal_(wanted.names.terminal),
      outputs_(with.executor, wanted.name, with.limits, with.log),
      tasks_(with.executor, flow::log_failures(with.log, "streams of " + wanted.name)) {}

result<void> process_streams::open_input(const std::string& name) {
  const auto uri = parse_stdio_uri(name);
  std::unique_ptr<source> from;
  if (uri.what == stdio_uri::kind::stream) {
    auto made =
        streaming::endpoint::make(with_.connected, uri.path, streaming::endpoint::way::input);
    if (!made) {
      return std::move(made).error();
    }
    from = std::make_unique<stream_source>(std::move(made.value()));
  } else {
    auto fifo =
        fifo_source::open(with_.executor, uri.what == stdio_uri::kind::path ? uri.path : name);
    if (!fifo) {
      return std::move(fifo).error();
    }
    from = std::make_unique<fifo_source>(std::move(fifo.value()));
  }
  input_ = std::make_unique<input>(with_.executor, std::move(from), with_.log);
  return {};
}

result<void> process_streams::open_outputs(const stdio_request& wanted) {
  const auto& names = wanted.names;
  const auto out_uri = parse_stdio_uri(names.out);
  // A terminal is read even if nobody wants its output: it would block the process otherwise.
  if (!names.out.empty() || names.terminal) {
    auto out = open_output(out_uri, wanted.owner, &logger::take_stdout);
    if (!out) {
      return std::move(out).error();
    }
    outputs_.deliver_stdout(std::move(out.value()));
  }
  if (!names.err.empty() && !names.terminal) {
    const bool one_place =
        out_uri.what == stdio_uri::kind::file || out_uri.what == stdio_uri::kind::binary;
    auto err = open_output(one_place ? out_uri : parse_stdio_uri(names.err), wanted.owner,
                           &logger::take_stderr);
    if (!err) {
      return std::move(err).error();
    }
    outputs_.deliver_stderr(std::move(err.value()));
  }
  if (logger_) {
    logger_->close_untaken();
  }
  return {};
}

result<std::unique_ptr<sink>> process_streams::open_output(const stdio_uri& uri,
                                                           const stdio_owner& owner,
                                                           std::unique_ptr<sink> (logger::*end)()) {
  if (uri.what == stdio_uri::kind::stream) {
    auto made =
        streaming::endpoint::make(with_.connected, uri.path, streaming::endpoint::way::output);
    if (!made) {
      return std::move(made).error();
    }
    return std::unique_ptr<sink>(std::make_unique<stream_sink>(std::move(made.value())));
  }
  if (uri.what != stdio_uri::kind::binary) {
    return open_sink(with_.executor, uri);
  }
  if (!logger_) {
    auto started = logger::start(with_.executor, uri, owner, with_.limits.logger, with_.log);
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
  if (outputs_.has_stdout()) {
    add(stdout_end_, *wanted.mutable_stdout());
  }
  if (outputs_.has_stderr()) {
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
  started_ = true;
  outputs_.start(stdout_end_.get(), stderr_end_.get());
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
  // The guest sends Close when it has every byte of it.
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
  if (!std::exchange(started_, true)) {
    outputs_.start_without_streams();
  }
}

void process_streams::close_io() {
  if (input_) {
    input_->close_io();
  }
}

void process_streams::process_ended() {
  if (input_) {
    input_->stop();
  }
}

awaitable<void> process_streams::finish(flow::clock::duration limit) {
  const auto& time = flow::clock::of(with_.executor);
  const auto end = time.now() + limit;
  const flow::deadline cut_off(with_.executor, limit, [this] {
    for (guest_end* end : {&stdout_end_, &stderr_end_}) {
      if (end->stream) {
        end->stream->abort();
      }
    }
  });
  outputs_.take_all();
  co_await outputs_.wait_received();
  // Whoever deletes a process may look at its log next.
  if (logger_) {
    static_cast<void>(co_await logger_->wait_ended(end - time.now()));
  }
}

awaitable<void> process_streams::linger() {
  if (!started_) {
    give_up();
  }
  if (stdin_end_.stream) {
    stdin_end_.stream->abort();
  }
  co_await outputs_.linger();
  if (logger_) {
    co_await logger_->join();
  }
  if (input_) {
    co_await input_->join();
  }
  co_await tasks_.join();
}

}  // namespace shim
