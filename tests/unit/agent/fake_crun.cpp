// Stands in for crun: the same command line, and a shell script where crun has an OCI document.
//
//   create, exec   the script becomes a process, of create() once start is called
//   delete         kills what create and exec made
//   pause, resume  nothing
//   update         keeps the resources, in "resources"
//
// It works in the directory it is called from (as <directory>/crun): "calls" is what it was asked
// to do, a line each; "pids" what it made. If a file <verb>.log is there, that verb fails with it
// as its log.
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct call {
  std::string directory;
  std::string verb;
  std::string id;
  std::string log;
  std::string bundle;
  std::string pid_file;
  std::string console_socket;
  std::string process;
  std::string resources;
};

call parse(const std::vector<std::string>& arguments) {
  call c;
  c.directory = std::filesystem::path(arguments.front()).parent_path();
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& a = arguments[i];
    if (a == "--root" || a == "--log-format" || a == "--cgroup-manager") {
      ++i;
    } else if (a == "--log") {
      c.log = arguments.at(++i);
    } else if (a == "--bundle") {
      c.bundle = arguments.at(++i);
    } else if (a == "--pid-file") {
      c.pid_file = arguments.at(++i);
    } else if (a == "--console-socket") {
      c.console_socket = arguments.at(++i);
    } else if (a == "--process") {
      c.process = arguments.at(++i);
    } else if (a == "--resources") {
      c.resources = arguments.at(++i);
    } else if (a == "--detach" || a == "--force") {
      continue;
    } else if (c.verb.empty()) {
      c.verb = a;
    } else {
      c.id = a;
    }
  }
  return c;
}

std::string read_all(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void append(const std::string& path, const std::string& line) {
  std::ofstream(path, std::ios::app) << line << '\n';
}

bool send_descriptor(const std::string& path, int fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const int s = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(s, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return false;
  }
  char payload[] = "pty";
  iovec part{payload, sizeof(payload)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  return ::sendmsg(s, &message, 0) > 0;
}

// Runs `script` in a session of its own, after a byte was read from `gate` if there is one.
int launch(const call& c, const std::string& script, int gate) {
  int master = -1;
  int slave = -1;
  if (!c.console_socket.empty() && ::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) {
    return 1;
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    if (slave >= 0) {
      ::ioctl(slave, TIOCSCTTY, 0);
      for (int fd = 0; fd < 3; ++fd) {
        ::dup2(slave, fd);
      }
    }
    char go = 0;
    if (gate >= 0 && ::read(gate, &go, 1) != 1) {
      ::_exit(1);
    }
    ::close_range(3, ~0U, 0);
    ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  append(c.directory + "/pids", std::to_string(pid));
  if (master >= 0 && !send_descriptor(c.console_socket, master)) {
    return 1;
  }
  std::ofstream(c.pid_file) << pid;
  return 0;
}

int create(const call& c) {
  const std::string gate = c.bundle + "/start";
  ::mkfifo(gate.c_str(), 0600);
  // Open in the child from the beginning: start must find it.
  return launch(c, read_all(c.bundle + "/config.json"), ::open(gate.c_str(), O_RDWR));
}

int start(const call& c) {
  const std::string gate = std::filesystem::path(c.log).parent_path() / "start";
  const int fd = ::open(gate.c_str(), O_WRONLY | O_NONBLOCK);
  return fd >= 0 && ::write(fd, "x", 1) == 1 ? 0 : 1;
}

int remove(const call& c) {
  std::ifstream pids(c.directory + "/pids");
  for (pid_t pid = 0; pids >> pid;) {
    // Its session may not have begun yet.
    ::kill(pid, SIGKILL);
    ::kill(-pid, SIGKILL);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const call c = parse({argv, argv + argc});
  append(c.directory + "/calls", c.verb + " " + c.id);
  const std::string failure = c.directory + "/" + c.verb + ".log";
  if (std::filesystem::exists(failure)) {
    std::filesystem::copy_file(failure, c.log, std::filesystem::copy_options::overwrite_existing);
    return 1;
  }
  if (c.verb == "create") {
    return create(c);
  }
  if (c.verb == "start") {
    return start(c);
  }
  if (c.verb == "exec") {
    return launch(c, read_all(c.process), -1);
  }
  if (c.verb == "pause" || c.verb == "resume") {
    return 0;
  }
  if (c.verb == "update") {
    std::ofstream(c.directory + "/resources") << read_all(c.resources);
    return 0;
  }
  return c.verb == "delete" ? remove(c) : 2;
}
