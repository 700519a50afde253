#include "tests/e2e/harness/event_rules.hpp"

#include "containerd/events/task.pb.h"

namespace e2e {

namespace {

namespace api = ::containerd::events;

// Published events of a process.
struct published {
  int added = 0;
  int started = 0;
  int exited = 0;
  int deleted = 0;
  int status = -1;
};

class checker {
 public:
  std::vector<std::string> broken;

  void take(const std::string& topic, const std::string& payload) {
    if (topic == "/tasks/create") {
      const auto e = parse<api::TaskCreate>(payload);
      added(e.container_id(), "");
    } else if (topic == "/tasks/exec-added") {
      const auto e = parse<api::TaskExecAdded>(payload);
      added(e.container_id(), e.exec_id());
    } else if (topic == "/tasks/start") {
      const auto e = parse<api::TaskStart>(payload);
      started(e.container_id(), "");
    } else if (topic == "/tasks/exec-started") {
      const auto e = parse<api::TaskExecStarted>(payload);
      started(e.container_id(), e.exec_id());
    } else if (topic == "/tasks/exit") {
      const auto e = parse<api::TaskExit>(payload);
      exited(e.container_id(), e.id() == e.container_id() ? "" : e.id(), e.exit_status());
    } else if (topic == "/tasks/delete") {
      const auto e = parse<api::TaskDelete>(payload);
      auto& p = find(e.container_id(), "");
      expect(p.added == 1, e.container_id(), "delete without create");
      expect(p.started == 0 || p.exited == 1, e.container_id(), "delete before exit");
      ++p.deleted;
    } else if (topic != "/tasks/oom") {
      broken.push_back("unexpected topic " + topic);
    }
  }

  void compare(const facts& happened) {
    for (const auto& [name, p] : all_) {
      expect(happened.contains(name), name, "events of what does not exist");
    }
    for (const auto& [name, fact] : happened) {
      const auto& p = all_[name];
      const bool is_exec = name.find('/') != std::string::npos;
      expect(p.added == (fact.added ? 1 : 0), name, "wrong number of create or exec-added");
      expect(p.started == (fact.started ? 1 : 0), name, "wrong number of starts");
      // Delete or Kill may end a first process that was never started, and its exit is published.
      const int least = fact.started ? 1 : 0;
      const int most = fact.started || (!is_exec && fact.added) ? 1 : 0;
      expect(p.exited >= least && p.exited <= most, name, "wrong number of exits");
      expect(fact.status < 0 || p.exited == 0 || p.status == fact.status, name,
             "exit status differs from that of Wait");
      expect(p.deleted == (fact.deleted ? 1 : 0), name, "wrong number of deletes");
    }
  }

 private:
  template <class Event>
  Event parse(const std::string& payload) {
    Event e;
    if (!e.ParseFromString(payload)) {
      broken.push_back("not a " + e.GetTypeName());
    }
    return e;
  }

  void expect(bool holds, const std::string& name, const std::string& rule) {
    if (!holds) {
      broken.push_back(name + ": " + rule);
    }
  }

  published& find(const std::string& container, const std::string& exec) {
    expect(all_[container].deleted == 0, container, "event after delete");
    return all_[exec.empty() ? container : container + "/" + exec];
  }

  void added(const std::string& container, const std::string& exec) {
    auto& p = find(container, exec);
    expect(p.started == 0 && p.exited == 0, container + "/" + exec, "added after it began");
    ++p.added;
  }

  void started(const std::string& container, const std::string& exec) {
    auto& p = find(container, exec);
    expect(p.added == 1, container + "/" + exec, "start before it was added");
    expect(p.exited == 0, container + "/" + exec, "exit before start");
    expect(all_[container].exited == 0, container + "/" + exec,
           "start after the first process' exit");
    ++p.started;
  }

  void exited(const std::string& container, const std::string& exec, std::uint32_t status) {
    auto& p = find(container, exec);
    expect(exec.empty() || p.started == 1, container + "/" + exec, "exit without start");
    expect(exec.empty() || all_[container].exited == 0, container + "/" + exec,
           "exit after the first process'");
    ++p.exited;
    p.status = static_cast<int>(status);
  }

  std::map<std::string, published> all_;
};

}  // namespace

std::vector<std::string> broken_rules(
    const std::vector<::containerd::services::events::ttrpc::v1::ForwardRequest>& events,
    const facts& happened) {
  checker c;
  for (const auto& one : events) {
    c.take(one.envelope().topic(), one.envelope().event().value());
  }
  c.compare(happened);
  return c.broken;
}

}  // namespace e2e
