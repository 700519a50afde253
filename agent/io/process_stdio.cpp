#include "agent/io/process_stdio.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <limits>

#include "agent/limits.hpp"
#include "flow/system/log_failures.hpp"
#include "flow/system/pipe.hpp"
#include "runtime_api/guest/contract.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;
using hvsock::agent::v1::Stdio;
using hvsock::agent::v1::Stream;

process_stdio::process_stdio(const flow::asio::any_io_executor& executor, flow::log& log)
    : executor_(executor), tasks_(executor, flow::log_failures(log, "stdio")) {}

awaitable<result<void>> process_stdio::open(shim_dialer& shim, const Stdio& wanted) {
  terminal_ = wanted.terminal();
  if (terminal_ && !wanted.has_stdout()) {
    co_return error(ttrpc::code::invalid_argument, "terminal without stdout");
  }
  if (wanted.has_stdin() && !terminal_) {
    const auto connected = co_await connect(shim, wanted.stdin(), stdin_);
    if (!connected) {
      co_return connected.error();
    }
    if (auto made = make_pipe(stdin_, true); !made) {
      co_return made;
    }
  }
  if (wanted.has_stdout()) {
    const auto connected = co_await connect(shim, wanted.stdout(), stdout_);
    if (!connected) {
      co_return connected.error();
    }
    if (!terminal_) {
      if (auto made = make_pipe(stdout_, false); !made) {
        co_return made;
      }
    }
  }
  if (wanted.has_stderr() && !terminal_) {
    const auto connected = co_await connect(shim, wanted.stderr(), stderr_);
    if (!connected) {
      co_return connected.error();
    }
    if (auto made = make_pipe(stderr_, false); !made) {
      co_return made;
    }
  }
  co_return result<void>();
}

awaitable<result<void>> process_stdio::connect(shim_dialer& shim, const Stream& wanted,
                                               channel& to) {
  if (wanted.token().size() != guest_contract::token_size) {
    co_return error(ttrpc::code::invalid_argument,
                    "stream token of " + std::to_string(wanted.token().size()) +
                        " bytes instead of " + std::to_string(guest_contract::token_size));
  }
  auto stream = co_await shim.connect_stream(wanted.token());
  if (!stream) {
    co_return stream.error();
  }
  to.stream.emplace(std::move(stream.value()));
  co_return result<void>();
}

result<void> process_stdio::make_pipe(channel& to, bool process_reads) {
  auto pipe = flow::make_pipe();
  if (!pipe) {
    return pipe.error();
  }
  unique_fd& ours = process_reads ? pipe->writer : pipe->reader;
  unique_fd& theirs = process_reads ? pipe->reader : pipe->writer;
  // Only ours: the two ends are separate open files, and a process expects a blocking stdout.
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) {
    return system_error("pipe");
  }
  to.our_end.emplace(executor_, ours.release());
  to.process_end = std::move(theirs);
  return {};
}

process_descriptors process_stdio::process_ends() const {
  return {.in = stdin_.process_end.get(),
          .out = stdout_.process_end.get(),
          .err = stderr_.process_end.get()};
}

void process_stdio::close_process_ends() {
  stdin_.process_end.reset();
  stdout_.process_end.reset();
  stderr_.process_end.reset();
}

void process_stdio::attach_terminal(unique_fd master) {
  stdout_.our_end.emplace(executor_, master.release());
}

result<void> process_stdio::resize(std::uint32_t width, std::uint32_t height) {
  if (!terminal_ || !stdout_.our_end) {
    return {};
  }
  constexpr auto most = std::numeric_limits<unsigned short>::max();
  if (width > most || height > most) {
    return error(ttrpc::code::invalid_argument,
                 "invalid terminal size " + std::to_string(width) + "x" + std::to_string(height));
  }
  winsize size{};
  size.ws_col = static_cast<unsigned short>(width);
  size.ws_row = static_cast<unsigned short>(height);
  if (::ioctl(stdout_.our_end->native_handle(), TIOCSWINSZ, &size) != 0) {
    return system_error("resize terminal");
  }
  return {};
}

void process_stdio::start() {
  if (terminal_) {
    stdout_.input.emplace(*stdout_.stream, input_pump::sink_kind::terminal, *stdout_.our_end);
    stdout_.output.emplace(*stdout_.our_end, output_pump::source_kind::terminal, *stdout_.stream);
    tasks_.spawn("terminal", run_terminal(stdout_));
    return;
  }
  if (stdin_.stream) {
    stdin_.input.emplace(*stdin_.stream, input_pump::sink_kind::pipe, *stdin_.our_end);
    tasks_.spawn("stdin", run_input(stdin_));
  }
  for (channel* c : {&stdout_, &stderr_}) {
    if (!c->stream) {
      continue;
    }
    c->output.emplace(*c->our_end, output_pump::source_kind::pipe, *c->stream);
    tasks_.spawn("output", run_output(*c));
  }
}

// The receiver of a stream, which then has every byte, is the first to say Close: for stdin, the
// agent.
awaitable<void> process_stdio::run_input(channel& c) {
  co_await c.input->run();
  static_cast<void>(co_await c.stream->close(limits::close_stream));
}

awaitable<void> process_stdio::run_output(channel& c) {
  co_await c.output->run();
  // A process that still writes learns that nobody reads any more (EPIPE).
  flow::error_code ignored;
  c.our_end->close(ignored);
  co_await close_after_shim(c);
}

awaitable<void> process_stdio::run_terminal(channel& c) {
  tasks_.spawn("terminal input", c.input->run());
  co_await c.output->run();
  co_await close_after_shim(c);
  // A background child that does not read must not keep the input waiting for room.
  flow::error_code ignored;
  c.our_end->close(ignored);
}

awaitable<void> process_stdio::close_after_shim(channel& c) {
  co_await c.stream->wait_peer_closed();
  static_cast<void>(co_await c.stream->close(limits::close_stream));
}

std::uint64_t process_stdio::stdout_written_at_exit() {
  return stdout_.output ? stdout_.output->written_at_exit() : 0;
}

std::uint64_t process_stdio::stderr_written_at_exit() {
  return stderr_.output ? stderr_.output->written_at_exit() : 0;
}

void process_stdio::finish() {
  // A child that still has the pipe reads what is in it, then the end of input.
  if (stdin_.our_end) {
    flow::error_code ignored;
    stdin_.our_end->close(ignored);
  }
  for (channel* c : {&stdout_, &stderr_}) {
    if (c->output) {
      c->output->finish();
    }
  }
}

void process_stdio::abort() {
  for (channel* c : {&stdin_, &stdout_, &stderr_}) {
    if (c->stream) {
      c->stream->abort();
    }
    if (c->our_end) {
      flow::error_code ignored;
      c->our_end->close(ignored);
    }
  }
}

awaitable<void> process_stdio::join() {
  co_await tasks_.join();
}

}  // namespace agent
