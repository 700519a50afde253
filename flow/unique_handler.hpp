// A completion handler of any type, called at most once; an operation that completes later stores
// it. Small ones are held in place, others in memory that Asio recycles, so that a steady flow of
// operations allocates nothing.
//
// Replaces asio::any_completion_handler, which in Boost 1.81 cannot be move-assigned (it recurses
// without end) and allocates when asked for its executor. The executor of a handler is therefore
// determined before it is stored here.
#pragma once

#include <boost/asio/recycling_allocator.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace flow {

template <class Signature>
class unique_handler;

template <class... Args>
class unique_handler<void(Args...)> {
 public:
  unique_handler() = default;

  template <class Handler>
    requires(!std::is_same_v<std::decay_t<Handler>, unique_handler> &&
             std::is_invocable_v<std::decay_t<Handler>, Args...>)
  unique_handler(Handler&& handler) {  // NOLINT(google-explicit-constructor)
    using type = std::decay_t<Handler>;
    if constexpr (fits<type>) {
      ::new (&storage_) type(std::forward<Handler>(handler));
      actions_ = &actions_in_place<type>;
    } else {
      using allocator = boost::asio::recycling_allocator<type>;
      type* held = allocator().allocate(1);
      try {
        ::new (held) type(std::forward<Handler>(handler));
      } catch (...) {
        allocator().deallocate(held, 1);
        throw;
      }
      ::new (&storage_) type*(held);
      actions_ = &actions_elsewhere<type>;
    }
  }

  unique_handler(unique_handler&& other) noexcept { take(other); }
  unique_handler& operator=(unique_handler&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~unique_handler() { reset(); }

  explicit operator bool() const noexcept { return actions_ != nullptr; }

  // Destroys the handler without calling it.
  void reset() noexcept {
    if (const auto* a = std::exchange(actions_, nullptr)) {
      a->destroy(&storage_);
    }
  }

  // Must not be empty. The handler is destroyed, and its memory freed, before it is called.
  void operator()(Args... args) && {
    std::exchange(actions_, nullptr)->call(&storage_, std::forward<Args>(args)...);
  }

 private:
  static constexpr std::size_t in_place_size = 48;

  struct actions {
    void (*call)(void* storage, Args... args);
    void (*move)(void* from, void* to) noexcept;
    void (*destroy)(void* storage) noexcept;
  };

  template <class Handler>
  static constexpr bool fits =
      sizeof(Handler) <= in_place_size && alignof(Handler) <= alignof(std::max_align_t) &&
      std::is_nothrow_move_constructible_v<Handler>;

  template <class Handler>
  static Handler* held_in(void* storage) noexcept {
    return std::launder(static_cast<Handler*>(storage));
  }

  template <class Handler>
  static constexpr actions actions_in_place = {
      [](void* storage, Args... args) {
        Handler handler(std::move(*held_in<Handler>(storage)));
        held_in<Handler>(storage)->~Handler();
        std::move(handler)(std::forward<Args>(args)...);
      },
      [](void* from, void* to) noexcept {
        ::new (to) Handler(std::move(*held_in<Handler>(from)));
        held_in<Handler>(from)->~Handler();
      },
      [](void* storage) noexcept { held_in<Handler>(storage)->~Handler(); }};

  template <class Handler>
  static void destroy_elsewhere(void* storage) noexcept {
    Handler* held = *held_in<Handler*>(storage);
    held->~Handler();
    boost::asio::recycling_allocator<Handler>().deallocate(held, 1);
  }

  template <class Handler>
  static constexpr actions actions_elsewhere = {
      [](void* storage, Args... args) {
        Handler handler(std::move(**held_in<Handler*>(storage)));
        destroy_elsewhere<Handler>(storage);
        std::move(handler)(std::forward<Args>(args)...);
      },
      [](void* from, void* to) noexcept { ::new (to) Handler*(*held_in<Handler*>(from)); },
      destroy_elsewhere<Handler>};

  void take(unique_handler& other) noexcept {
    actions_ = std::exchange(other.actions_, nullptr);
    if (actions_ != nullptr) {
      actions_->move(&other.storage_, &storage_);
    }
  }

  alignas(std::max_align_t) std::byte storage_[in_place_size];
  const actions* actions_ = nullptr;
};

}  // namespace flow
