// The work of hvbench: measures a transport between its two ends (bench_protocol.hpp).
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "flow/tools/bench_protocol.hpp"
#include "flow/tools/connection_options.hpp"
#include "flow/tools/exit_status.hpp"
#include "flow/tools/interruption.hpp"
#include "flow/tools/measurement.hpp"

namespace flow::tools {

struct bench_options {
  connection_options connections;
  target peer;
  bool listen = false;
  bool upload = false;
  bool download = false;
  bool latency = false;
  bool connect = false;
  std::vector<std::uint32_t> sizes;
  std::chrono::steady_clock::duration time = std::chrono::seconds(1);  // of each measurement
  std::uint64_t connects = 2000;
  bool json = false;
  bool verbose = false;
};

// Exits the process on an invalid command line and after --help.
bench_options parse_bench_options(int argc, char** argv);

class bench_server {
 public:
  bench_server(const asio::any_io_executor& executor, bench_options o);

  // Until a signal.
  awaitable<exit_status> run();

 private:
  awaitable<void> serve(accepted arrived);
  awaitable<result<void>> answer(duplex& peer);
  awaitable<result<void>> receive(duplex& peer);
  awaitable<result<void>> send(duplex& peer, const bench_request& r);
  awaitable<result<void>> echo(duplex& peer, std::uint32_t size);

  bench_options options_;
  interruption interruption_;
  log log_;
  task_group tasks_;
};

class bench_client {
 public:
  bench_client(const asio::any_io_executor& executor, bench_options o);

  awaitable<exit_status> run();

 private:
  awaitable<result<void>> measure(bench_mode mode, std::uint32_t size);
  awaitable<result<void>> upload(duplex& peer, std::uint32_t size);
  awaitable<result<void>> download(duplex& peer, std::uint32_t size);
  awaitable<result<void>> latency(duplex& peer, std::uint32_t size);
  awaitable<result<void>> connects();
  awaitable<result<std::unique_ptr<duplex>>> begin(const bench_request& r);
  void note(const char* name, std::uint32_t size, const bench_report& goodput,
            const bench_report& other);
  void say(const std::string& line) const;
  void finish() const;

  asio::any_io_executor executor_;
  bench_options options_;
  interruption interruption_;
  boost::json::array results_;
};

}  // namespace flow::tools
