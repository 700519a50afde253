// The work of hvcat: one connection or many, each between a peer and the local files, or echoed.
#pragma once

#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "flow/tools/cat_options.hpp"
#include "flow/tools/exit_status.hpp"
#include "flow/tools/interruption.hpp"
#include "flow/tools/progress.hpp"
#include "flow/unique_fd.hpp"

namespace flow::tools {

class cat {
 public:
  cat(const asio::any_io_executor& executor, cat_options o);

  awaitable<exit_status> run();

 private:
  result<void> open_files();
  awaitable<exit_status> serve_many(listener& l);
  awaitable<exit_status> connect_and_serve();
  awaitable<result<std::unique_ptr<duplex>>> connect();
  awaitable<exit_status> serve(std::unique_ptr<duplex> peer);
  awaitable<void> serve_one_of_many(std::unique_ptr<duplex> peer);
  awaitable<proxy_result> move(duplex& peer, duplex& local);
  awaitable<void> close(duplex& peer);
  awaitable<void> close_when_written(duplex& peer);
  std::optional<progress> make_progress() const;
  exit_status judge(const proxy_result& r, const result<void>& closed) const;
  exit_status fail(const error& e) const;

  asio::any_io_executor executor_;
  cat_options options_;
  interruption interruption_;
  log log_;
  task_group tasks_;
  unique_fd input_file_;
  unique_fd output_file_;
  int input_;
  int output_;
};

}  // namespace flow::tools
