#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <cstring>

#include "flow/tools/bench.hpp"
#include "flow/tools/program.hpp"

namespace flow::tools {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t read_size = 1U << 20U;

template <class... Values>
std::string format(const char* text, Values... values) {
  std::array<char, 160> line;
  std::snprintf(line.data(), line.size(), text, values...);
  return line.data();
}

double ratio(std::uint64_t a, std::uint64_t b) {
  return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
}

double microseconds(nanoseconds d) {
  return static_cast<double>(d.count()) / 1000;
}

struct quantile {
  const char* name;
  double share;
};

constexpr std::array<quantile, 5> quantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}}};

boost::json::object to_json(const distribution& d) {
  boost::json::object o;
  for (const auto& q : quantiles) {
    o[q.name] = microseconds(d.percentile(q.share));
  }
  return o;
}

std::string to_text(const distribution& d) {
  std::string text;
  for (const auto& q : quantiles) {
    text += format("  %s %.1f us", q.name, microseconds(d.percentile(q.share)));
  }
  return text;
}

}  // namespace

bench_client::bench_client(const asio::any_io_executor& executor, bench_options o)
    : executor_(executor), options_(std::move(o)), interruption_(executor) {}

awaitable<exit_status> bench_client::run() {
  // A measurement that was interrupted has no result.
  const interruption::handler stop(interruption_,
                                   [] { ::_exit(static_cast<int>(exit_status::interrupted)); });
  const std::array<std::pair<bool, bench_mode>, 3> modes{{{options_.upload, bench_mode::upload},
                                                          {options_.download, bench_mode::download},
                                                          {options_.latency, bench_mode::latency}}};
  for (const auto& [wanted, mode] : modes) {
    for (const auto size : options_.sizes) {
      if (!wanted) {
        break;
      }
      const auto measured = co_await measure(mode, size);
      if (!measured) {
        complain(measured.error().message());
        co_return exit_status::failure;
      }
    }
  }
  if (options_.connect) {
    const auto measured = co_await connects();
    if (!measured) {
      complain(measured.error().message());
      co_return exit_status::failure;
    }
  }
  finish();
  co_return exit_status::done;
}

awaitable<result<std::unique_ptr<duplex>>> bench_client::begin(const bench_request& r) {
  auto peer = co_await options_.connections.connect(executor_, options_.peer);
  if (!peer) {
    co_return peer;
  }
  const auto request = encode(r);
  const auto written = co_await (*peer)->write(asio::buffer(request));
  if (!written) {
    co_return written.error();
  }
  co_return peer;
}

awaitable<result<void>> bench_client::measure(bench_mode mode, std::uint32_t size) {
  bench_request r{mode, size, 0};
  r.milliseconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.time).count());
  const auto peer = co_await begin(r);
  if (!peer) {
    co_return peer.error();
  }
  result<void> measured;
  if (mode == bench_mode::upload) {
    measured = co_await upload(**peer, size);
  } else if (mode == bench_mode::download) {
    measured = co_await download(**peer, size);
  } else {
    measured = co_await latency(**peer, size);
  }
  if (!measured) {
    co_return measured;
  }
  co_return co_await (*peer)->close(options_.connections.close_timeout);
}

// The receiver counts goodput: bytes that a sender has written may still be in flight.
awaitable<result<void>> bench_client::upload(duplex& peer, std::uint32_t size) {
  const stopwatch watch;
  const auto sent = co_await write_for(peer, size, options_.time);
  if (!sent) {
    co_return sent.error();
  }
  const auto ended = co_await peer.shutdown_write();
  if (!ended) {
    co_return ended;
  }
  encoded_report bytes{};
  const auto got = co_await read_whole(peer, asio::buffer(bytes));
  if (!got) {
    co_return got;
  }
  const auto received = decode(bytes);
  if (received.bytes != *sent) {
    co_return error(errc::truncated, "sent " + std::to_string(*sent) + " bytes, " +
                                         std::to_string(received.bytes) + " arrived");
  }
  note("upload", size, received, watch.finish(*sent));
  co_return result<void>();
}

awaitable<result<void>> bench_client::download(duplex& peer, std::uint32_t size) {
  std::vector<std::byte> buffer(read_size);
  encoded_report last{};  // the most recent bytes
  std::uint64_t bytes = 0;
  std::optional<stopwatch> watch;
  for (;;) {
    const auto n = co_await peer.read_some(asio::buffer(buffer));
    if (!watch) {
      watch.emplace();
    }
    if (!n && n.error().code() == asio::error::eof) {
      break;
    }
    if (!n) {
      co_return n.error();
    }
    bytes += *n;
    const auto kept = std::min(*n, last.size());
    std::rotate(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(kept), last.end());
    std::memcpy(last.data() + last.size() - kept, buffer.data() + *n - kept, kept);
  }
  const auto sent = decode(last);
  if (bytes < last.size() || sent.bytes != bytes - last.size()) {
    co_return error(errc::truncated, std::to_string(bytes) + " bytes arrived");
  }
  note("download", size, watch->finish(sent.bytes), sent);
  co_return co_await peer.shutdown_write();
}

void bench_client::note(const char* name, std::uint32_t size, const bench_report& goodput,
                        const bench_report& other) {
  const double rate = ratio(goodput.bytes, goodput.nanoseconds) * 1000;  // MB/s
  const double cpu = ratio(goodput.cpu_nanoseconds + other.cpu_nanoseconds, goodput.bytes);
  say(format("%-8s %8u B  %10.1f MB/s  %8.3f ns CPU per byte", name, size, rate, cpu));
  results_.push_back({{"measurement", name},
                      {"size", size},
                      {"bytes", goodput.bytes},
                      {"seconds", ratio(goodput.nanoseconds, 1'000'000'000)},
                      {"megabytes_per_second", rate},
                      {"receiver_cpu_ns_per_byte", ratio(goodput.cpu_nanoseconds, goodput.bytes)},
                      {"sender_cpu_ns_per_byte", ratio(other.cpu_nanoseconds, goodput.bytes)}});
}

awaitable<result<void>> bench_client::latency(duplex& peer, std::uint32_t size) {
  std::vector<std::byte> buffer(size);
  distribution times;
  const stopwatch watch;
  const auto end = steady_clock::now() + options_.time;
  do {
    const auto begin = steady_clock::now();
    const auto written = co_await peer.write(asio::buffer(buffer));
    if (!written) {
      co_return written;
    }
    const auto got = co_await read_whole(peer, asio::buffer(buffer));
    if (!got) {
      co_return got;
    }
    times.add(steady_clock::now() - begin);
  } while (steady_clock::now() < end);
  const auto cost = watch.finish(0);
  say(format("%-8s %8u B", "latency", size) + to_text(times));
  results_.push_back(
      {{"measurement", "latency"},
       {"size", size},
       {"round_trips", times.count()},
       {"microseconds", to_json(times)},
       {"client_cpu_ns_per_round_trip", ratio(cost.cpu_nanoseconds, times.count())}});
  co_return co_await peer.shutdown_write();
}

// Errors are counted, not fatal: overloading a server is the purpose of this measurement.
awaitable<result<void>> bench_client::connects() {
  distribution times;
  std::uint64_t errors = 0;
  const stopwatch watch;
  for (std::uint64_t i = 0; i < options_.connects; ++i) {
    const auto begun = steady_clock::now();
    const auto peer = co_await options_.connections.connect(executor_, options_.peer);
    if (!peer) {
      ++errors;
      continue;
    }
    times.add(steady_clock::now() - begun);
    const auto request = encode(bench_request{bench_mode::connect, 1, 0});
    co_await (*peer)->write(asio::buffer(request));
    const auto closed = co_await (*peer)->close(options_.connections.close_timeout);
    errors += closed ? 0 : 1;
  }
  const auto whole = watch.finish(0);
  const double rate = ratio(options_.connects, whole.nanoseconds) * 1e9;
  say(format("connect  %.0f per second, %llu errors", rate,
             static_cast<unsigned long long>(errors)) +
      to_text(times));
  // Upper bounds in microseconds, each decade in nine steps.
  boost::json::array histogram;
  nanoseconds from{};
  for (nanoseconds decade = std::chrono::microseconds(10); decade <= std::chrono::seconds(1);
       decade *= 10) {
    for (int step = 1; step <= 9; ++step) {
      const auto to = decade * step;
      if (const auto n = times.between(from, to); n != 0) {
        say(format("  < %8.0f us  %zu", microseconds(to), n));
        histogram.push_back({{"below_us", microseconds(to)}, {"count", n}});
      }
      from = to;
    }
  }
  if (const auto n = times.between(from, nanoseconds::max()); n != 0) {
    say(format("  more         %zu", n));
    histogram.push_back({{"below_us", nullptr}, {"count", n}});
  }
  results_.push_back({{"measurement", "connect"},
                      {"connects", options_.connects},
                      {"errors", errors},
                      {"per_second", rate},
                      {"microseconds", to_json(times)},
                      {"histogram", std::move(histogram)}});
  co_return result<void>();
}

void bench_client::say(const std::string& line) const {
  if (!options_.json) {
    print(line + "\n");
  }
}

void bench_client::finish() const {
  if (!options_.json) {
    return;
  }
  const boost::json::value all{{"address", options_.peer.text},
                               {"framed", options_.peer.framed},
                               {"max_payload", options_.connections.max_payload},
                               {"results", results_}};
  print(boost::json::serialize(all) + "\n");
}

}  // namespace flow::tools
