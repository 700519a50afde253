// Two streams over a faulty link, and a sequence of operations and faults drawn from a seed: which
// end reads, writes, half-closes, closes, aborts, in what pieces, with what else in between; where
// the transport splits, stalls, refuses and breaks.
//
// Invariants for every draw:
//   * Each end reads a prefix of what the other wrote, in order. An end of data that is called
//     clean has all of it, and its writer said so.
//   * Every other result has its cause: truncated, reset and aborted do not come of nothing, an
//     acknowledged close left nothing on the way, results are final.
//   * Nobody waits for what has happened. The executor runs until it has nothing to do: whoever
//     still waits then must have a reason to. In the end, with every fault gone and both ends
//     closing, nothing is left waiting at all: no operation, no timer, no transport.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tests {

class random_session {
 public:
  // At most `steps` are drawn.
  random_session(std::uint64_t seed, std::size_t steps);
  ~random_session();

  void run();

  std::size_t steps() const;  // how many there were
  const std::vector<std::string>& objections() const;
  const std::vector<std::string>& trace() const;  // every call, answer and fault, in order

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tests
