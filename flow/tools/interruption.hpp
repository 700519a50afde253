// SIGINT and SIGTERM: the first ends everything in an orderly way, the second kills the process.
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace flow::tools {

class interruption {
 public:
  explicit interruption(const asio::any_io_executor& executor);
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;
  ~interruption();

  bool happened() const noexcept;

  // Calls a function once, on the executor, if the signal arrives while this object lives. If it
  // arrived earlier, the function is not called: check happened().
  class handler {
   public:
    handler(interruption& i, std::function<void()> on_interrupt);
    handler(const handler&) = delete;
    handler& operator=(const handler&) = delete;
    ~handler();

   private:
    std::list<std::function<void()>>& handlers_;
    std::list<std::function<void()>>::iterator self_;
  };

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace flow::tools
