// Starts a program with exactly the given descriptors, signals and parent.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "flow/error.hpp"

namespace flow {

struct command {
  // The program (looked up in PATH if it has no slash) and its arguments, argv[0] included.
  std::vector<std::string> argv;

  // The whole environment as KEY=VALUE; the caller's is inherited if not set.
  std::optional<std::vector<std::string>> environment;

  // `from` in this process becomes `to` in the child. Borrowed until spawn() has returned. 0, 1 and
  // 2 are /dev/null if they are not listed; no other descriptor reaches the child.
  struct descriptor {
    int from;
    int to;
  };
  std::vector<descriptor> descriptors;

  std::string directory;  // working directory; empty: inherited

  // The child is killed when the thread that called spawn() ends, however it ends.
  bool dies_with_parent = false;

  // The child leads a session of its own, away from the caller's terminal and process group.
  bool new_session = false;

  // The child's oom_score_adj; inherited if not set.
  std::optional<int> oom_score_adj;
};

// The child's pid once exec has succeeded; the caller reaps it. Failure to execute the program is
// an error here, not a child that exits at once. Signal dispositions and the signal mask of the
// child are the defaults.
result<pid_t> spawn(const command& c);

}  // namespace flow
