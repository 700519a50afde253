// A container: its files, its first process, and the execs in it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/sandbox/sandbox.hpp"
#include "shim/task/container_files.hpp"
#include "shim/task/process.hpp"

namespace shim {

class container {
 public:
  // Called when the exit of a process is to be published: its output is safe.
  using stopped_handler = std::function<void(const container&, const process&)>;

  // `in` and `log` must outlive the object. The container's number in the guest is unique: no other
  // container or process of this sandbox ever has it.
  container(const flow::asio::any_io_executor& executor, std::string id,
            std::filesystem::path bundle, sandbox& in, stopped_handler on_stopped, flow::log& log);
  container(const container&) = delete;
  container& operator=(const container&) = delete;
  ~container() { sandbox_.forget(number_); }

  freezer_state freezer = freezer_state::thawed;

  // Set once, by the call that dismantles the container.
  bool dismantling = false;

  // The last out-of-memory event that was published; 0: none.
  std::uint64_t memory_event = 0;

  const std::string& id() const noexcept { return id_; }
  const std::filesystem::path& bundle() const noexcept { return bundle_; }
  std::uint32_t number() const noexcept { return number_; }
  container_files& files() noexcept { return files_; }

  const std::shared_ptr<process>& init() const noexcept { return init_; }
  standing init_standing() const noexcept { return standing_of(*init_); }
  standing standing_of(const process& p) const noexcept;

  // Finds an exec; nullptr if there is none.
  std::shared_ptr<process> find_exec(const std::string& exec_id) const;
  void add_exec(std::shared_ptr<process> p);
  void remove_exec(const std::string& exec_id) { execs_.erase(exec_id); }
  const std::map<std::string, std::shared_ptr<process>>& execs() const noexcept { return execs_; }

  // Call it after the state of one of its processes has changed: wakes everything that waits
  // for one.
  void changed(process& p);

  // Returns when no exec of the container is being started.
  flow::awaitable<void> join_starts();

  // Returns init and execs, which now belong to the caller. The container forgets its execs; calls
  // that are still under way find init.
  std::vector<std::shared_ptr<process>> remove_all();

  // From now on the guest knows `p`: once its exit is reported and its output is safe, it stops.
  void watch(const std::shared_ptr<process>& p);

  // Returns when no exit is being processed. All processes must have exited.
  flow::awaitable<void> join();

 private:
  flow::awaitable<void> take_exit(std::shared_ptr<process> p, sandbox::reported_exit reported);
  bool any_exec_running() const;

  std::string id_;
  std::filesystem::path bundle_;
  sandbox& sandbox_;
  stopped_handler on_stopped_;
  flow::log& log_;
  std::uint32_t number_;
  container_files files_;
  std::shared_ptr<process> init_;
  std::map<std::string, std::shared_ptr<process>> execs_;
  flow::event changed_;  // the state of a process
  flow::task_group tasks_;
};

}  // namespace shim
