// The implementation of a stream: a state machine, a decoder, the read-ahead buffer, the send
// queue, and a transport. Shared by the stream and its outstanding operations: the wait for input
// (always, while there is room), the wait for output, and the application's operations.
//
// Everything happens in one of a few entry points: a call by the application, readiness of the
// transport, the timer. Each ends with settle(), which acts on the new state. Handlers are posted,
// never called directly, except for the read that readiness completes: it is the last step there
// that touches the state.
#pragma once

#include <memory>
#include <optional>

#include "flow/detail/receive_buffer.hpp"
#include "flow/detail/send_queue.hpp"
#include "flow/detail/stream_handle.hpp"
#include "flow/event.hpp"
#include "flow/stream_options.hpp"
#include "flow/stream_state.hpp"

namespace flow::detail {

struct io_result {
  error_code ec;
  std::size_t n = 0;
};

class stream_core final : public transport_waiter {
 public:
  stream_core(std::unique_ptr<transport> t, const stream_options& o);

  void start() { ensure_reading(); }

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  const stream_state& state() const noexcept { return state_; }
  event& changed() noexcept { return changed_; }
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  std::uint64_t bytes_written() const noexcept { return bytes_written_; }
  std::uint64_t discarded() const noexcept { return discarded_; }

  // The result, if it is available at once. Otherwise the operation must get its handler by
  // finish_read() or finish_write() before anything else happens.
  std::optional<io_result> try_read(asio::mutable_buffer buffer);

  // try_read() would have to wait, and would not even read from the transport.
  bool read_waits() const noexcept {
    return input_empty_ && received_.payload() == 0 && !state_.read_error() && !reading_;
  }
  std::optional<io_result> try_write(std::span<const iovec> buffers);
  void finish_read(asio::mutable_buffer buffer, io_handler handler);
  void finish_write(io_handler handler);

  void shutdown_write();
  void shutdown_read();
  void close();
  void end(error_code reason);
  void abort();

  void complete(io_handler handler, io_result r);

  // Operations that complete at once bypass the scheduler. Returns true at regular intervals, when
  // one must go through it so that everything else on the executor gets its turn.
  bool must_yield() noexcept { return ++at_once_ % max_at_once == 0; }

 private:
  static constexpr unsigned max_at_once = 32;
  static constexpr std::size_t max_read_pieces = 3;

  struct pending_read {
    std::span<std::byte> buffer;
    io_handler handler;
  };

  void ensure_reading();
  void ensure_reading_soon();
  bool keeps_input() const noexcept;
  bool wants_input() const noexcept;
  void on_ready(wait_type type) override;
  void serve_input();
  void serve_output();

  std::size_t read_transport(std::span<const std::span<std::byte>> pieces);
  std::size_t read_input(std::span<std::byte> direct);
  void drain_input();
  std::span<std::byte> next_payload(std::span<std::byte>& bytes);
  std::size_t take_payload(std::span<std::byte>& bytes, std::span<std::byte> to);
  std::size_t count_payload(std::span<std::byte> bytes);

  void pump_output(std::optional<send_queue::operation>* done = nullptr);
  std::size_t transmit(const frame_encoder::batch& batch);
  void finish_first_write(error_code ec);
  void drop_writes(error_code reason);

  core_ptr self() noexcept { return core_ptr(this); }

  void settle() {
    if (unsettled_) {
      settle_changes();
    }
  }
  void settle_changes();
  void start_close_timer();
  static error_code meaning_of(error_code ec);

  std::unique_ptr<transport> transport_;
  asio::any_io_executor executor_;
  stream_options options_;
  stream_state state_;
  frame_decoder decoder_;
  receive_buffer received_;
  send_queue queue_;
  std::optional<pending_read> reading_;
  std::optional<asio::steady_timer> close_timer_;
  event changed_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t discarded_ = 0;
  std::uint64_t drained_ = 0;  // bytes read since close()
  unsigned at_once_ = 0;
  bool read_wait_ = false;       // outstanding
  bool write_wait_ = false;      // outstanding: the transport accepts nothing for now
  bool input_empty_ = true;      // do not try again before the next readiness
  bool input_exhausted_ = true;  // the last read returned less than it could have
  bool wait_put_off_ = false;
  bool unsettled_ = false;
};

}  // namespace flow::detail
