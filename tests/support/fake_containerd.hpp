// containerd's event service: a ttrpc server on a unix socket that records the events.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "containerd/services/events/ttrpc/v1/events.ttrpc.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "runtime_api/ttrpc/unix_socket.hpp"

namespace tests {

class fake_containerd final : public containerd::services::events::ttrpc::v1::events_service {
 public:
  using request = containerd::services::events::ttrpc::v1::ForwardRequest;

  // Listens at `path`, which must not exist, until stop().
  fake_containerd(boost::asio::any_io_executor executor, const std::string& path);

  flow::awaitable<void> stop();

  flow::awaitable<void> until_taken(std::size_t n);
  flow::awaitable<void> until_called(std::size_t n);

  std::vector<std::string> topics() const;
  void answer();

  std::vector<request> taken;
  std::vector<std::string> namespaces;  // of the calls, from their metadata
  std::size_t calls = 0;
  std::size_t refuse = 0;  // this many calls are answered with an error first
  bool hold = false;       // calls are not answered, until answer()

 private:
  flow::awaitable<flow::result<google::protobuf::Empty>> forward(ttrpc::call_context& context,
                                                                 const request& what) override;

  std::string path_;
  flow::log log_;
  ttrpc::server server_;
  std::unique_ptr<ttrpc::unix_listener> listener_;
  flow::event changed_;
  flow::task_group tasks_;
};

// A listening unix socket.
flow::unique_fd listen_at(const std::string& path);

}  // namespace tests
