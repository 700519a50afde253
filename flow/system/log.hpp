// A log with one line per event, key=value, in the format of containerd's own processes:
//
//   time="2026-11-22T17:10:00.123456789Z" level=info msg="create container" id=redis pid=4711
//
// Levels: error = an operator must act; warning = degraded; info = a lifecycle transition;
// debug = protocol events. Never payload bytes, never an environment.
//
// Values are quoted and escaped as needed, so text that a guest chose cannot forge a line or a
// field. A line is one write(2). A descriptor that would block loses the line but never blocks the
// process; the next line written reports the number lost as dropped=N.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace flow {

class log {
 public:
  enum class level { debug, info, warning, error };

  // One key=value. Borrows the key; a value is rendered at once.
  struct field {
    field(std::string_view k, std::string_view v) : key(k), value(v) {}
    field(std::string_view k, const char* v) : key(k), value(v) {}
    field(std::string_view k, const std::string& v) : key(k), value(v) {}
    field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
    template <std::integral T>
    field(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
    std::string_view key;
    std::string value;
  };
  using fields = std::initializer_list<field>;

  // Writes to `fd`, which is borrowed and must outlive the log. Thread rule: one thread.
  explicit log(int fd, level least = level::info) : fd_(fd), least_(least) {}
  log(const log&) = delete;
  log& operator=(const log&) = delete;

  void set_level(level least) noexcept { least_ = least; }

  void debug(std::string_view message, fields f = {}) { write(level::debug, message, f); }
  void info(std::string_view message, fields f = {}) { write(level::info, message, f); }
  void warning(std::string_view message, fields f = {}) { write(level::warning, message, f); }
  void error(std::string_view message, fields f = {}) { write(level::error, message, f); }

 private:
  void write(level l, std::string_view message, fields f);

  int fd_;
  level least_;
  std::uint64_t dropped_ = 0;
};

}  // namespace flow
