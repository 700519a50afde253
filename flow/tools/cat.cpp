#include "flow/tools/cat.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow/deadline.hpp"
#include "flow/tools/file_duplex.hpp"
#include "flow/tools/program.hpp"

namespace flow::tools {
namespace {

using std::chrono::steady_clock;

constexpr auto retry_interval = std::chrono::milliseconds(100);

// The pause after a temporary error of a listener, such as too many open files.
constexpr auto listener_pause = std::chrono::milliseconds(100);

bool worth_a_retry(const error_code& ec) {
  return ec != errc::invalid_argument && ec != errc::unsupported;
}

// 0 if it is not a regular file, or is empty.
std::uint64_t size_of_file(int fd) {
  struct stat s{};
  return ::fstat(fd, &s) == 0 && S_ISREG(s.st_mode) ? static_cast<std::uint64_t>(s.st_size) : 0;
}

bool is_file(int fd) {
  struct stat s{};
  return ::fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
}

}  // namespace

cat::cat(const asio::any_io_executor& executor, cat_options o)
    : executor_(executor),
      options_(std::move(o)),
      interruption_(executor),
      log_(STDERR_FILENO, options_.verbose ? log::level::info : log::level::error),
      tasks_(executor, [](const std::string& name,
                          const std::exception_ptr& e) { complain(name + ": " + describe(e)); }),
      input_(STDIN_FILENO),
      output_(STDOUT_FILENO) {}

awaitable<exit_status> cat::run() {
  if (options_.print_local_cid) {
    const auto cid = local_cid();
    if (!cid) {
      co_return fail(cid.error());
    }
    co_return print(std::to_string(*cid) + "\n") ? exit_status::done : exit_status::failure;
  }
  if (const auto opened = open_files(); !opened) {
    co_return fail(opened.error());
  }
  if (!options_.listen) {
    co_return co_await connect_and_serve();
  }
  auto l = options_.connections.listen(executor_, options_.peer);
  if (!l) {
    co_return fail(l.error());
  }
  log_.info("listening", {{"address", place_of(*l, options_.peer)}});
  co_return co_await serve_many(*l);
}

result<void> cat::open_files() {
  if (!options_.input.empty()) {
    input_file_.reset(::open(options_.input.c_str(), O_RDONLY | O_CLOEXEC));
    input_ = input_file_.get();
    if (!input_file_) {
      return system_error("open " + options_.input);
    }
  }
  if (!options_.output.empty()) {
    output_file_.reset(
        ::open(options_.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    output_ = output_file_.get();
    if (!output_file_) {
      return system_error("open " + options_.output);
    }
  }
  return {};
}

// Echoed connections are served concurrently, others one after the other.
awaitable<exit_status> cat::serve_many(listener& l) {
  const interruption::handler stop(interruption_, [&l] { l.close(); });
  exit_status status = exit_status::done;
  while (!interruption_.happened()) {
    auto arrived = co_await l.accept();
    if (interruption_.happened()) {
      break;
    }
    if (!arrived) {
      complain(arrived.error().message());
      asio::steady_timer pause(executor_, listener_pause);
      co_await pause.async_wait(as_result);
      continue;
    }
    log_.info("accepted", {{"peer", to_string(arrived->peer)}});
    auto peer = options_.connections.speak(std::move(arrived->connection), options_.peer);
    if (!options_.keep) {
      l.close();
      co_return co_await serve(std::move(peer));
    }
    if (options_.echo) {
      tasks_.spawn("connection", serve_one_of_many(std::move(peer)));
    } else {
      status = co_await serve(std::move(peer));
    }
  }
  co_await tasks_.join();
  co_return interruption_.happened() ? exit_status::interrupted : status;
}

awaitable<void> cat::serve_one_of_many(std::unique_ptr<duplex> peer) {
  co_await serve(std::move(peer));
}

awaitable<exit_status> cat::connect_and_serve() {
  auto peer = co_await connect();
  if (!peer) {
    co_return fail(peer.error());
  }
  log_.info("connected", {{"address", options_.peer.text}});
  co_return co_await serve(std::move(*peer));
}

awaitable<result<std::unique_ptr<duplex>>> cat::connect() {
  // Nothing has started that must end in an orderly way.
  const interruption::handler stop(interruption_,
                                   [] { ::_exit(static_cast<int>(exit_status::interrupted)); });
  const auto limit = steady_clock::now() + options_.retry;
  for (;;) {
    auto peer = co_await options_.connections.connect(executor_, options_.peer);
    if (peer || !worth_a_retry(peer.error().code()) || steady_clock::now() >= limit) {
      co_return peer;
    }
    log_.info("connect failed, trying again", {{"err", peer.error().message()}});
    asio::steady_timer pause(executor_, retry_interval);
    co_await pause.async_wait(as_result);
  }
}

awaitable<exit_status> cat::serve(std::unique_ptr<duplex> peer) {
  file_duplex local(executor_, input_, output_, options_.keep);
  task_group closing(executor_, [](const std::string& name, const std::exception_ptr& e) {
    complain(name + ": " + describe(e));
  });
  const interruption::handler stop(interruption_, [&] {
    // A reader that received a part of a file must not take it for the whole.
    if (is_file(input_) && local.reading() && !options_.echo) {
      peer->abort();
    }
    closing.spawn("close", close(*peer));
    local.stop();
  });
  std::optional<deadline> limit;
  if (options_.timeout) {
    limit.emplace(executor_, *options_.timeout, [&] {
      local.abort();
      peer->abort();
    });
  }
  if (!options_.half_close) {
    closing.spawn("close at the end of the input", close_when_written(*peer));
  }
  const auto moved = co_await move(*peer, local);
  const auto closed = co_await peer->close(options_.connections.close_timeout);
  co_await closing.join();
  log_.info("ended", {{"sent", moved.a_to_b.stats.write_bytes},
                      {"received", moved.b_to_a.stats.read_bytes}});
  if (interruption_.happened()) {
    co_return exit_status::interrupted;
  }
  if (limit && limit->expired()) {
    complain(options_.peer.text + ": timed out");
    co_return exit_status::timed_out;
  }
  co_return judge(moved, closed);
}

// Proxies between `local`, a, and `peer`, b. An echo is the direction from the peer, written to
// the peer.
awaitable<proxy_result> cat::move(duplex& peer, duplex& local) {
  if (options_.echo) {
    proxy_result r;
    r.b_to_a = co_await copy(peer, peer);
    std::swap(r.b_to_a.write_error, r.a_to_b.write_error);
    r.a_to_b.stats.write_bytes = r.b_to_a.stats.write_bytes;
    co_await peer.shutdown_write();
    co_return r;
  }
  auto shown = make_progress();
  copy_observer* sent = shown && is_file(input_) ? &*shown : nullptr;
  copy_observer* received = shown && sent == nullptr ? &*shown : nullptr;
  const auto r = co_await proxy(local, peer, sent, received);
  if (shown) {
    shown->finish();
  }
  co_return r;
}

std::optional<progress> cat::make_progress() const {
  const bool moves_file = is_file(input_) || is_file(output_);
  if (!options_.show_progress && !(moves_file && ::isatty(STDERR_FILENO) == 1)) {
    return std::nullopt;
  }
  return progress(STDERR_FILENO, size_of_file(input_));
}

awaitable<void> cat::close(duplex& peer) {
  co_await peer.close(options_.connections.close_timeout);
}

awaitable<void> cat::close_when_written(duplex& peer) {
  co_await peer.wait_write_closed();
  co_await close(peer);
}

// The peer's result comes first: it is the cause of any other failure.
exit_status cat::judge(const proxy_result& r, const result<void>& closed) const {
  const auto& received = r.b_to_a;
  const auto& sent = r.a_to_b;
  const bool we_closed = !options_.half_close && received.read_error == errc::aborted;
  if (received.read_error && !we_closed) {
    return fail(error(received.read_error, options_.peer.text));
  }
  if (sent.read_error) {
    return fail(error(sent.read_error, "input"));
  }
  if (received.write_error) {
    return fail(error(received.write_error, "output"));
  }
  if (sent.write_error) {
    return fail(error(sent.write_error, options_.peer.text));
  }
  if (!closed) {
    return fail(closed.error().in(options_.peer.text));
  }
  return exit_status::done;
}

exit_status cat::fail(const error& e) const {
  complain(e.message());
  return status_of(e.code());
}

}  // namespace flow::tools
