// A program on its own terminal, operated by the test.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace e2e {

class terminal_session {
 public:
  terminal_session(std::vector<std::string> argv, unsigned short rows, unsigned short columns);
  terminal_session(const terminal_session&) = delete;
  terminal_session& operator=(const terminal_session&) = delete;
  ~terminal_session();

  void type(const std::string& text) const;
  void resize(unsigned short rows, unsigned short columns) const;

  // False if the program ended or a minute passed without the text.
  bool read_until(const std::string& until);

  // Reads to the end; returns the exit status. A program that does not end within a minute
  // is killed.
  int finish();

  const std::string& screen() const { return screen_; }

 private:
  bool read_some();

  int fd_ = -1;
  pid_t pid_ = -1;
  bool ended_ = false;
  std::string screen_;
};

}  // namespace e2e
