#include "flow/device/event_loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "flow/device/limits.hpp"

namespace flow::device {
namespace {

std::uint64_t tag(std::uint32_t slot, std::uint32_t generation) {
  return (std::uint64_t{generation} << 32U) | slot;
}

}  // namespace

event_loop::watch::watch(watch&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), slot_(other.slot_) {}

event_loop::watch& event_loop::watch::operator=(watch&& other) noexcept {
  if (this != &other) {
    reset();
    loop_ = std::exchange(other.loop_, nullptr);
    slot_ = other.slot_;
  }
  return *this;
}

void event_loop::watch::change(std::uint32_t events) {
  auto& s = loop_->slots_[slot_];
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag(slot_, s.generation);
  // Cannot fail: the descriptor is registered and no memory is needed.
  ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_MOD, s.fd, &event);
}

void event_loop::watch::reset() noexcept {
  if (auto* loop = std::exchange(loop_, nullptr)) {
    loop->drop_slot(slot_);
  }
}

event_loop::timer::timer(timer&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), id_(other.id_) {}

event_loop::timer& event_loop::timer::operator=(timer&& other) noexcept {
  if (this != &other) {
    reset();
    loop_ = std::exchange(other.loop_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void event_loop::timer::reset() noexcept {
  if (auto* loop = std::exchange(loop_, nullptr)) {
    loop->timers_.erase(id_);
  }
}

result<event_loop> event_loop::create() {
  unique_fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) {
    return system_error("epoll_create");
  }
  return event_loop(std::move(epoll));
}

result<event_loop::watch> event_loop::add(int fd, std::uint32_t events,
                                          std::function<void(std::uint32_t)> handler) {
  if (free_slots_.empty()) {
    slots_.emplace_back();
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const auto index = free_slots_.back();
  auto& s = slots_[index];
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag(index, s.generation);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return system_error("wait for descriptor");
  }
  free_slots_.pop_back();
  s.fd = fd;
  s.handler = std::move(handler);
  return watch(*this, index);
}

void event_loop::drop_slot(std::uint32_t index) noexcept {
  auto& s = slots_[index];
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, s.fd, nullptr);
  s.fd = -1;
  ++s.generation;  // a later event of this batch for this slot is ignored
  s.handler = nullptr;
  free_slots_.push_back(index);
}

event_loop::timer event_loop::call_after(clock::duration after, std::function<void()> handler) {
  const auto id = next_timer_++;
  timers_.emplace(id, deadline{clock::now() + after, std::move(handler)});
  return {*this, id};
}

int event_loop::wait_milliseconds(clock::duration limit) const {
  if (work_left_) {
    return 0;
  }
  for (const auto& [id, d] : timers_) {
    limit = std::min(limit, d.at - clock::now());
  }
  if (limit == clock::duration::max()) {
    return -1;
  }
  // Rounded up, so that a timer is due when the wait ends.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  return static_cast<int>(std::clamp<decltype(ms)>(ms, 0, longest_wait.count()));
}

result<> event_loop::run_once(clock::duration limit) {
  std::array<epoll_event, events_per_turn> events;
  const int n =
      ::epoll_wait(epoll_.get(), events.data(), events_per_turn, wait_milliseconds(limit));
  if (n < 0 && errno != EINTR) {
    return system_error("epoll_wait");
  }
  for (int i = 0; i < n; ++i) {
    dispatch(events[static_cast<std::size_t>(i)]);
  }
  run_due_timers();
  work_left_ = work_ && work_();
  return {};
}

void event_loop::dispatch(const epoll_event& event) {
  const auto index = static_cast<std::uint32_t>(event.data.u64);
  const auto generation = static_cast<std::uint32_t>(event.data.u64 >> 32U);
  auto& s = slots_[index];
  if (s.fd < 0 || s.generation != generation) {
    return;
  }
  // A copy, because the handler may add watches (slots_ grows) or drop its own.
  const auto handler = s.handler;
  handler(event.events);
}

void event_loop::run_due_timers() {
  if (timers_.empty()) {
    return;
  }
  const auto now = clock::now();
  std::vector<std::uint64_t> due;
  for (const auto& [id, d] : timers_) {
    if (d.at <= now) {
      due.push_back(id);
    }
  }
  for (const auto id : due) {
    const auto found = timers_.find(id);
    if (found == timers_.end()) {
      continue;  // cancelled by one before it
    }
    const auto handler = std::move(found->second.handler);
    timers_.erase(found);
    handler();
  }
}

}  // namespace flow::device
