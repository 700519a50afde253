#include "shim/sandbox/guest.hpp"

#include <sys/random.h>
#include <sys/utsname.h>

#include <bit>
#include <boost/asio/read.hpp>

#include "flow/deadline.hpp"
#include "flow/frame.hpp"
#include "flow/system/log_failures.hpp"
#include "runtime_api/guest/contract.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/support/resident_memory.hpp"
#include "shim/support/timestamp.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
namespace api = hvsock::agent::v1;

namespace {

using guest_contract::protocol_version;
using guest_contract::token_size;

std::string random_bytes(std::size_t n) {
  std::string bytes(n, '\0');
  // getrandom(2) never returns fewer than the requested bytes up to 256, and blocks only until the
  // host's generator is seeded, long before containers run.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(n)) {
    std::abort();
  }
  return bytes;
}

std::string host_name() {
  utsname host{};
  ::uname(&host);
  return host.nodename;
}

flow::stream::options stream_options() {
  flow::stream::options options;
  options.max_payload = flow::agreed_max_payload;
  return options;
}

}  // namespace

// --- expected streams --------------------------------------------------------------------------

guest::expected_stream::expected_stream(guest& owner)
    : owner_(owner), token_(random_bytes(token_size)) {
  owner_.expected_[token_] = this;
}

guest::expected_stream::~expected_stream() {
  owner_.expected_.erase(token_);
}

awaitable<result<flow::stream>> guest::expected_stream::claim() {
  const auto decided = [this] { return stream_ || owner_.closed_; };
  const bool in_time = co_await owner_.changed_.wait_for(limits::claim, decided);
  if (!in_time) {
    co_return error(errc::timed_out, "the guest did not connect a stream");
  }
  if (!stream_) {
    co_return error(errc::closed, "connection to the guest lost");
  }
  co_return std::move(*stream_);
}

// --- guest -------------------------------------------------------------------------------------

guest::guest(const flow::asio::any_io_executor& executor, machine& from, event_handler on_event,
             flow::log& log)
    : executor_(executor),
      machine_(from),
      on_event_(std::move(on_event)),
      log_(log),
      changed_(executor),
      tasks_(executor, flow::log_failures(log, "guest", [this] { close(); })) {}

awaitable<result<void>> guest::connect(std::chrono::steady_clock::duration deadline) {
  // If the machine ends, the wait ends too, with the reason.
  flow::deadline limit(executor_, deadline, [this] { machine_.kill(); });
  auto connection = co_await machine_.accept();
  if (limit.expired()) {
    std::string console = machine_.console_tail();
    if (!console.empty()) {
      console = "; last console output: " + console;
    }
    co_return error(errc::timed_out, "the guest did not boot" + console);
  }
  if (!connection) {
    co_return connection.error();
  }
  flow::stream control(std::move(connection.value()), stream_options());
  client_ =
      std::make_unique<ttrpc::client>(executor_, ttrpc::make_byte_stream(std::move(control)), log_);
  agent_.emplace(*client_);
  const auto greeted = co_await say_hello();
  if (!greeted) {
    co_return greeted.error();
  }
  if (closed_) {
    co_return error(errc::closed, "connection to the guest lost");
  }
  tasks_.spawn("accept streams", accept_streams());
  tasks_.spawn("read events", read_events());
  tasks_.spawn("keep clock", keep_clock());
  co_return result<void>();
}

awaitable<result<void>> guest::say_hello() {
  api::HelloRequest request;
  request.set_protocol(protocol_version);
  request.set_wall_clock(nanoseconds_now());
  request.set_entropy(random_bytes(limits::entropy_bytes));
  request.set_host_name(host_name());
  const auto hello = co_await agent_->hello(request, ttrpc::call_options(limits::hello));
  if (!hello) {
    co_return flow::error(hello.error()).in("agent hello");
  }
  if (hello.value().protocol() != protocol_version) {
    co_return error(errc::protocol, "guest image's agent uses protocol " +
                                        std::to_string(hello.value().protocol()) +
                                        ", this shim needs " + std::to_string(protocol_version) +
                                        ": install the image that came with the shim");
  }
  log_.info("guest running", {{"kernel", hello.value().kernel_release()},
                              {"agent", hello.value().agent_version()},
                              {"init_ms", hello.value().init_entered()},
                              {"connected_ms", hello.value().connected()}});
  co_return result<void>();
}

awaitable<void> guest::accept_streams() {
  for (;;) {
    auto connection = co_await machine_.accept();
    if (!connection) {
      co_return;
    }
    flow::stream stream(std::move(connection.value()), stream_options());
    if (unproven_ >= limits::connections_without_token) {
      refuse("too many connections without a token");
      continue;
    }
    tasks_.spawn("admit", admit(std::move(stream)));
  }
}

awaitable<void> guest::admit(flow::stream stream) {
  ++unproven_;
  std::string token(token_size, '\0');
  std::size_t n = 0;
  {
    const flow::deadline limit(executor_, limits::token, [&] { stream.abort(); });
    const auto buffer = flow::asio::buffer(token);
    const auto r = co_await flow::asio::async_read(stream, buffer, flow::as_result);
    n = std::get<1>(r);
  }
  --unproven_;
  const auto expected = n == token_size ? expected_.find(token) : expected_.end();
  if (expected == expected_.end()) {
    refuse("no valid token");
    co_return;
  }
  expected->second->stream_.emplace(std::move(stream));
  expected_.erase(expected);
  changed_.notify_all();
}

void guest::refuse(const char* why) {
  // Any process in the guest can connect as often as it likes, and must not fill the host's log.
  if (std::has_single_bit(++refused_)) {
    log_.warning("connection from the guest refused", {{"reason", why}, {"refused", refused_}});
  }
}

awaitable<void> guest::read_events() {
  auto events = agent_->events(api::EventsRequest());
  api::Event event;
  for (;;) {
    const auto more = co_await events.read(event);
    if (!more || *more == ttrpc::received::end) {
      break;
    }
    on_event_(event);
  }
  close();
}

awaitable<void> guest::keep_clock() {
  const auto closed = [this] { return closed_; };
  for (;;) {
    const bool ended = co_await changed_.wait_for(limits::clock_interval, closed);
    if (ended) {
      co_return;
    }
    api::SetClockRequest request;
    request.set_wall_clock(nanoseconds_now());
    const auto set = co_await agent_->set_clock(request, ttrpc::call_options(limits::set_clock));
    if (set) {
      log_.debug("guest clock", {{"ahead_ns", set.value().offset()}});
    }
    // The shim may be idle until the next tick.
    trim_resident_memory();
  }
}

awaitable<void> guest::report() {
  if (!agent_ || closed_) {
    log_.info("guest not running");
    co_return;
  }
  const auto status =
      co_await agent_->status(api::StatusRequest(), ttrpc::call_options(limits::query));
  if (!status) {
    log_.info("agent did not answer", {{"err", status.error().message()}});
    co_return;
  }
  log_.info("agent", {{"resident_bytes", status.value().resident_bytes()},
                      {"containers", status.value().containers()},
                      {"processes", status.value().processes()},
                      {"refused_connections", refused_}});
}

awaitable<void> guest::wait_lost() {
  const auto closed = [this] { return closed_; };
  co_await changed_.wait(closed);
}

void guest::close() {
  closed_ = true;
  if (client_) {
    client_->close();
  }
  changed_.notify_all();
}

awaitable<void> guest::join() {
  close();
  co_await tasks_.join();
  if (client_) {
    co_await client_->join();
  }
}

}  // namespace shim
