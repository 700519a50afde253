#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstring>

#include "flow/deadline.hpp"
#include "flow/tools/checksum.hpp"
#include "flow/tools/program.hpp"
#include "flow/tools/stress.hpp"

namespace flow::tools {
namespace {

using std::chrono::steady_clock;

// Piece sizes of the alternating pattern: header and payload of a naive protocol, which is the
// worst case for the buffers of a vsock.
constexpr std::uint64_t small_piece = 4;
constexpr std::uint64_t large_piece = 4096;

bool is_large(std::uint64_t number) {
  return number % 2 == 1;
}

}  // namespace

// One conversation, shared by its two directions.
struct stress_client::conversation {
  conversation(std::unique_ptr<duplex> d, const stress_plan& p, bool alternates)
      : peer(std::move(d)), plan(p), alternate(alternates) {}

  std::uint64_t piece_size(std::uint64_t size, std::uint64_t number) const {
    if (!alternate) {
      return size;
    }
    return is_large(number) ? large_piece : small_piece;
  }

  // Only the first failure counts: the others follow from it.
  void fail(std::string what) {
    if (failure.empty()) {
      failure = std::move(what);
    }
  }

  std::unique_ptr<duplex> peer;
  stress_plan plan;
  bool alternate;
  bool fault_injected = false;
  checksum sent;
  checksum received;
  std::string failure;
};

stress_client::stress_client(const asio::any_io_executor& executor, stress_options o)
    : executor_(executor),
      options_(std::move(o)),
      interruption_(executor),
      log_(STDERR_FILENO, options_.verbose ? log::level::info : log::level::warning),
      tasks_(executor, [this](const std::string& name, const std::exception_ptr& e) {
        failures_.push_back({0, 0, name + ": " + describe(e)});
      }) {}

awaitable<exit_status> stress_client::run() {
  const auto begin = steady_clock::now();
  for (std::uint64_t i = 0; i < options_.parallel; ++i) {
    tasks_.spawn("connection", converse_often(i));
  }
  co_await tasks_.join();
  report(steady_clock::now() - begin);
  if (!failures_.empty()) {
    co_return exit_status::failure;
  }
  co_return interruption_.happened() ? exit_status::interrupted : exit_status::done;
}

bool stress_client::over() const {
  return interruption_.happened() || (options_.exit_on_error && !failures_.empty());
}

awaitable<void> stress_client::converse_often(std::uint64_t connection) {
  for (std::uint64_t i = 0; i < options_.iterations && !over(); ++i) {
    const auto failure = co_await converse(connection, i);
    if (!failure.empty() && !interruption_.happened()) {
      log_.warning("failed", {{"seed", options_.seed},
                              {"connection", connection},
                              {"iteration", i},
                              {"err", failure}});
      failures_.push_back({connection, i, failure});
    }
    ++done_;
    if (options_.pause.count() != 0) {
      asio::steady_timer pause(executor_, options_.pause);
      co_await pause.async_wait(as_result);
    }
  }
}

// The first failure; empty if there was none.
awaitable<std::string> stress_client::converse(std::uint64_t connection, std::uint64_t iteration) {
  const auto plan = make_plan(options_.seed, connection, iteration, options_.limits);
  auto connected = co_await options_.connections.connect(executor_, options_.peer);
  if (!connected) {
    co_return connected.error().message();
  }
  conversation c(std::move(*connected), plan, options_.alternate);
  const interruption::handler stop(interruption_, [&c] { c.peer->abort(); });
  const deadline limit(executor_, options_.timeout, [&c] {
    c.fail("timed out");
    c.peer->abort();
  });
  task_group directions(executor_, [&c](const std::string& name, const std::exception_ptr& e) {
    c.fail(name + ": " + describe(e));
  });
  directions.spawn("write", write(c));
  directions.spawn("read", read(c));
  co_await directions.join();
  const auto closed = co_await c.peer->close(options_.connections.close_timeout);
  sent_ += c.sent.bytes();
  received_ += c.received.bytes();
  log_.info("conversed", {{"connection", connection},
                          {"iteration", iteration},
                          {"length", plan.length},
                          {"sent", c.sent.bytes()},
                          {"sent_sha256", c.sent.digest()},
                          {"received", c.received.bytes()},
                          {"received_sha256", c.received.digest()}});
  if (c.fault_injected) {
    ++injected_;
    co_return std::string();
  }
  if (c.failure.empty() && c.sent.digest() != c.received.digest()) {
    c.fail("checksums differ: sent " + c.sent.digest() + ", received " + c.received.digest());
  }
  if (!closed) {
    c.fail(closed.error().message());
  }
  co_return c.failure;
}

awaitable<void> stress_client::write(conversation& c) {
  byte_sequence content(c.plan.content);
  std::vector<std::byte> buffer(std::max(c.plan.write_size, large_piece));
  const bool faulty = c.plan.fault != injection::none;
  const std::uint64_t length = faulty ? c.plan.fault_at : c.plan.length;
  for (std::uint64_t number = 0; c.sent.bytes() < length; ++number) {
    const auto size = std::min(c.piece_size(c.plan.write_size, number), length - c.sent.bytes());
    const auto piece = std::span(buffer).first(size);
    content.fill(piece);
    const auto written = co_await c.peer->write(asio::buffer(piece.data(), piece.size()));
    if (!written) {
      c.fail("write at " + std::to_string(c.sent.bytes()) + ": " + written.error().message());
      co_return;
    }
    c.sent.on_piece(asio::buffer(piece.data(), piece.size()));
  }
  if (faulty) {
    c.fault_injected = true;
  }
  if (c.plan.fault == injection::abort) {
    c.peer->abort();
  } else if (c.plan.fault == injection::close) {
    co_await c.peer->close(options_.connections.close_timeout);
  } else {
    co_await c.peer->shutdown_write();
  }
}

// Checks each byte against the one sent at its offset.
awaitable<void> stress_client::read(conversation& c) {
  byte_sequence content(c.plan.content);
  std::vector<std::byte> buffer(std::max(c.plan.read_size, large_piece));
  std::vector<std::byte> expected(buffer.size());
  for (std::uint64_t number = 0;; ++number) {
    const auto size = c.piece_size(c.plan.read_size, number);
    const auto n = co_await c.peer->read_some(asio::buffer(buffer.data(), size));
    const auto offset = c.received.bytes();
    if (!n && n.error().code() == asio::error::eof) {
      if (offset != c.plan.length) {
        c.fail("received " + std::to_string(offset) + " of " + std::to_string(c.plan.length) +
               " bytes");
      }
      co_return;
    }
    if (!n) {
      c.fail("read at " + std::to_string(offset) + ": " + n.error().message());
      co_return;
    }
    const auto got = std::span(buffer).first(*n);
    const auto wanted = std::span(expected).first(*n);
    content.fill(wanted);
    c.received.on_piece(asio::buffer(got.data(), got.size()));
    if (const auto at = std::mismatch(got.begin(), got.end(), wanted.begin()).first;
        at != got.end()) {
      c.fail("wrong byte at " +
             std::to_string(offset + static_cast<std::uint64_t>(at - got.begin())));
      c.peer->abort();
      co_return;
    }
  }
}

void stress_client::report(steady_clock::duration lasted) const {
  const double seconds = std::chrono::duration<double>(lasted).count();
  if (!options_.json) {
    print("seed " + std::to_string(options_.seed) + ": " + std::to_string(done_) +
          " conversations, " + std::to_string(failures_.size()) + " failed, " +
          std::to_string(injected_) + " ended by an injected fault; " + std::to_string(sent_) +
          " bytes sent, " + std::to_string(received_) + " received in " + std::to_string(seconds) +
          " s\n");
    return;
  }
  boost::json::array failures;
  for (const auto& f : failures_) {
    failures.push_back(
        {{"connection", f.connection}, {"iteration", f.iteration}, {"error", f.what}});
  }
  const boost::json::value result{{"seed", options_.seed},      {"conversations", done_},
                                  {"failed", failures_.size()}, {"injected", injected_},
                                  {"bytes_sent", sent_},        {"bytes_received", received_},
                                  {"seconds", seconds},         {"failures", std::move(failures)}};
  print(boost::json::serialize(result) + "\n");
}

}  // namespace flow::tools
