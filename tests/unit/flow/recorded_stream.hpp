// A stream that records the calls of its application and their results, and objects to every result
// that does not follow from the calls: bytes out of order, a final result that changes, a write
// accepted after the end of writing.
//
// Each end sends one pattern from start to end: a byte that is lost, repeated or moved is detected
// at the other end.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "flow/stream.hpp"

namespace tests {

class recorded_stream {
 public:
  // Called with each objection, and with every call and result.
  struct listener {
    std::function<void(const std::string&)> objection;
    std::function<void(const std::string&)> event;
  };

  // `offset` is the start of this end's pattern, `their_offset` that of its peer's.
  recorded_stream(std::string name, std::unique_ptr<flow::transport> t,
                  const flow::stream_options& o, listener l, std::size_t offset,
                  std::size_t their_offset);

  // Operations, carried out in this order when the executor runs. None while another read is
  // outstanding (read) or after destroy(). Coroutine forms and handler forms alternate.

  void read(std::size_t size);
  void write(std::size_t size);
  void shutdown_write();
  void shutdown_read();
  void close(std::chrono::steady_clock::duration deadline);
  void wait_peer_closed();
  void abort();
  void destroy();

  // Reads continuously until the end.
  void read_to_end(std::size_t piece);

  bool reading() const { return reading_; }
  int outstanding() const { return outstanding_; }
  bool alive() const { return !destroyed_; }
  const std::string& name() const { return name_; }

  // The calls so far.
  bool asked_shutdown_write() const { return asked_shutdown_write_; }
  bool asked_shutdown_read() const { return asked_shutdown_read_; }
  bool asked_close() const { return asked_close_; }
  bool aborted() const { return aborted_; }
  bool impatient() const { return impatient_; }  // close() with a deadline of zero

  // The results so far.
  std::size_t delivered() const { return delivered_; }
  std::size_t bytes_written() const;
  int outstanding_writes() const { return outstanding_writes_; }
  bool write_open() const;
  bool told_not_to_write() const { return told_not_to_write_; }  // its ShutdownRead was sent
  const std::optional<flow::error_code>& read_end() const { return read_end_; }
  const std::optional<flow::error_code>& write_end() const { return write_end_; }
  const flow::close_result* closed() const { return closed_.get(); }  // or none yet

  // The end of data was clean, and not caused by this end.
  bool clean_end() const { return clean_end_; }

  // Gave the connection up, so that its peer may see it end.
  bool gave_up() const { return aborted_ || (closed_ && !closed_->acknowledged); }

  // When nothing is outstanding: checks that the stream's own reports agree.
  void check_counts() const;

 private:
  void note(const std::string& text) const { listener_.event(name_ + " " + text); }
  void soon(std::function<void()> operation);
  void expect(bool condition, const std::string& text) const;
  void begin_read(std::size_t size, bool was_over);
  void on_read(std::size_t size, bool was_over, flow::error_code ec, std::size_t n);
  void on_read_end(flow::error_code ec);
  void on_write(std::size_t size, bool was_over, bool ended_here, flow::error_code ec,
                std::size_t n);
  void on_closed(const flow::close_result& r);
  template <class T, class Handler>
  void start(flow::awaitable<T> operation, Handler handler);

  std::string name_;
  listener listener_;
  std::size_t offset_;
  std::size_t their_offset_;
  std::unique_ptr<flow::stream> stream_;
  std::string input_;
  bool handler_form_ = false;
  int outstanding_ = 0;
  int outstanding_writes_ = 0;
  std::size_t reading_to_end_ = 0;  // the size of a piece
  bool reading_ = false;

  bool asked_shutdown_write_ = false;
  bool asked_shutdown_read_ = false;
  bool asked_close_ = false;
  bool aborted_ = false;
  bool impatient_ = false;
  bool destroyed_ = false;

  std::size_t delivered_ = 0;
  std::size_t offered_ = 0;   // passed to writes
  std::size_t accepted_ = 0;  // accepted bytes of those
  std::optional<flow::error_code> read_end_;
  std::optional<flow::error_code> write_end_;
  std::unique_ptr<flow::close_result> closed_;
  bool clean_end_ = false;
  bool told_not_to_write_ = false;
  bool all_counted_ = true;  // every write reported how many bytes it accepted
  std::size_t bytes_written_ = 0;
};

}  // namespace tests
