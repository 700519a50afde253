// Recorded conversations (tests/vectors) of an older implementation of the protocol with a scripted
// peer, decoded.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tests {

struct transcript_step {
  std::size_t number = 0;
  bool by_peer = false;
  std::string op;         // write, writev, read, shutdown_write, shutdown_read, close, send, eof
  std::string phase;      // of the implementation's calls: call, start, progress, return
  std::size_t of = 0;     // the step that started the call
  std::size_t group = 0;  // calls of one group were made together
  std::vector<std::size_t> writes;         // the sizes written
  std::size_t offset = 0;                  // of the first byte written
  std::string how;                         // the peer's end of the transport: shutdown_wr or close
  std::string bytes;                       // the actor's bytes on the wire in this step
  std::vector<std::string> frames;         // the same by name: "Data 5"
  std::string status;                      // ok, data, eof, error, exception, blocked, issued, sent
  std::size_t read = 0;                    // bytes read
  std::optional<std::size_t> read_offset;  // none: other bytes than those sent
};

struct transcript {
  std::string name;
  std::vector<transcript_step> steps;

  // The step at which the call that began at `s` returned; none if it never did.
  const transcript_step* result_of(const transcript_step& s) const;
};

// Throws if a file is invalid.
std::vector<transcript> load_transcripts(const std::string& file);

}  // namespace tests
