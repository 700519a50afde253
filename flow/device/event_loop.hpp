// The one loop of hvsock-vsockd: waits for descriptors and deadlines, calls the handlers, then lets
// the device do all the work they have collected.
//
// It uses epoll directly because Asio does not offer what the device needs: edge-triggered
// readiness of a thousand sockets with no system call per wait, and one turn of work per batch of
// events, so that many packets cost one interrupt.
//
// Single-threaded. Callbacks may add and drop watches and timers, including their own.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

class event_loop {
 public:
  using clock = std::chrono::steady_clock;

  // A registered descriptor. Dropping it ends the registration; drop it before the descriptor is
  // closed and before the loop is destroyed.
  class watch {
   public:
    watch() = default;
    watch(watch&& other) noexcept;
    watch& operator=(watch&& other) noexcept;
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;
    ~watch() { reset(); }

    explicit operator bool() const noexcept { return loop_ != nullptr; }
    // Waits for other events from now on; a state that already holds is reported again.
    void change(std::uint32_t events);
    void reset() noexcept;

   private:
    friend event_loop;
    watch(event_loop& loop, std::uint32_t slot) : loop_(&loop), slot_(slot) {}

    event_loop* loop_ = nullptr;
    std::uint32_t slot_ = 0;
  };

  // A pending deadline. Dropping it cancels it; drop it before the loop is destroyed.
  class timer {
   public:
    timer() = default;
    timer(timer&& other) noexcept;
    timer& operator=(timer&& other) noexcept;
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;
    ~timer() { reset(); }

    void reset() noexcept;

   private:
    friend event_loop;
    timer(event_loop& loop, std::uint64_t id) : loop_(&loop), id_(id) {}

    event_loop* loop_ = nullptr;
    std::uint64_t id_ = 0;
  };

  static result<event_loop> create();
  event_loop(event_loop&&) = default;  // only before the first watch

  // Calls `handler` with the current EPOLL* bits. Fails for a descriptor that cannot be waited for,
  // such as a regular file.
  result<watch> add(int fd, std::uint32_t events, std::function<void(std::uint32_t)> handler);

  // Calls `handler` once, after `after`.
  timer call_after(clock::duration after, std::function<void()> handler);

  // Called after every batch of events; returns whether it stopped with work left, in which case
  // the loop polls for events without waiting and calls it again.
  void set_work(std::function<bool()> work) { work_ = std::move(work); }

  // One turn: waits for events, at most `limit`, then calls their handlers, the due timers and
  // the work.
  result<> run_once(clock::duration limit = clock::duration::max());

 private:
  struct slot {
    int fd = -1;
    std::uint32_t generation = 0;
    std::function<void(std::uint32_t)> handler;
  };
  struct deadline {
    clock::time_point at;
    std::function<void()> handler;
  };

  explicit event_loop(unique_fd epoll) : epoll_(std::move(epoll)) {}
  int wait_milliseconds(clock::duration limit) const;
  void dispatch(const epoll_event& event);
  void run_due_timers();
  void drop_slot(std::uint32_t index) noexcept;

  unique_fd epoll_;
  std::vector<slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::map<std::uint64_t, deadline> timers_;
  std::uint64_t next_timer_ = 1;
  std::function<bool()> work_;
  bool work_left_ = false;
};

}  // namespace flow::device
