// Where the bytes of one output stream are, and how its two sides stand. They are two answers to
// two questions: a stream that broke off may have been delivered to the last byte that came, and
// one that ended well may have had a client that read none of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shim {

// The stream that the guest connects.
enum class source_state {
  awaited,    // not connected yet
  flowing,    // connected, and more may come
  ended,      // the guest said that nothing more will come
  truncated,  // it broke off, or was cut off here, before the guest said so
  absent,     // it will never be connected
};

// What the client named.
enum class sink_state {
  delivering,
  delivered,  // all that was received was read by the client, or written to the file
  failed,     // it takes nothing any more; what came after that is discarded
  abandoned,  // it was given up with bytes unread, or before the source had ended
};

struct delivery_report {
  source_state source = source_state::awaited;
  sink_state sink = sink_state::delivering;

  // Bytes. At any time written = received + missing, and received = delivered + held + dropped.
  std::uint64_t received = 0;   // from the guest
  std::uint64_t delivered = 0;  // read by the client, or written to the file
  std::uint64_t held = 0;       // in the spool, or written and not read yet
  std::uint64_t dropped = 0;    // received, and never to be delivered
  std::uint64_t missing = 0;    // written by the process before its exit, and not received

  std::uint64_t written() const noexcept { return received + missing; }
  std::uint64_t lost() const noexcept { return dropped + missing; }
};

// Those of a process; nothing where nobody wants the output.
struct output_reports {
  std::optional<delivery_report> out;
  std::optional<delivery_report> err;

  std::uint64_t lost() const noexcept;
  bool delivered() const noexcept;  // all that was received, and the sources are over
  bool truncated() const noexcept;  // at least one stream
};

// The enumerator's name, for logs and answers.
std::string_view name_of(source_state s) noexcept;
std::string_view name_of(sink_state s) noexcept;

}  // namespace shim
