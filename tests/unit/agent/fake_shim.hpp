// The shim as the guest's streams meet it: it takes every connection and knows them by their token.
#pragma once

#include <limits>
#include <list>
#include <string>

#include "agent/io/shim_dialer.hpp"
#include "flow/event.hpp"
#include "flow/stream.hpp"
#include "flow/testing/memory_transport.hpp"
#include "runtime_api/guest/contract.hpp"

namespace tests {

class fake_shim {
 public:
  explicit fake_shim(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  agent::shim_dialer::dialer dialer() {
    return [this] { return accept(); };
  }

  // The stream that presented `token`, of guest_contract::token_size bytes; nullptr if there is none.
  flow::awaitable<flow::stream*> stream(std::string token);

  // The other end of the first connection that was not asked for by its token.
  flow::stream& first() { return connections_.front().stream; }
  flow::testing::memory_link& first_link() { return connections_.front().link; }

  std::size_t dialled = 0;                                        // attempts
  std::size_t accepts = std::numeric_limits<std::size_t>::max();  // so many attempts from now on

 private:
  struct connection {
    explicit connection(const boost::asio::any_io_executor& executor);

    flow::testing::memory_link link;
    flow::stream stream;
    std::string token;
  };

  flow::awaitable<flow::result<std::unique_ptr<flow::transport>>> accept();

  boost::asio::any_io_executor executor_;
  std::list<connection> connections_;
};

// A token that says what it is for.
inline std::string token_of(std::string name) {
  name.resize(guest_contract::token_size, '.');
  return name;
}

}  // namespace tests
