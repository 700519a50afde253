// Pipes and terminals, with one end as the agent has it and the other as a process has it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>
#include <string>

#include "flow/asio.hpp"
#include "flow/unique_fd.hpp"

namespace tests {

using descriptor = boost::asio::posix::stream_descriptor;

// Both ends are non-blocking, so that a test can play the process too.
struct descriptor_pair {
  descriptor agent;
  descriptor process;
};

// The agent reads what the process writes.
descriptor_pair output_pipe(const boost::asio::any_io_executor& executor);

// The process reads what the agent writes.
descriptor_pair input_pipe(const boost::asio::any_io_executor& executor);

// The agent has the master. A terminal as it comes: canonical mode, echo, "\n" becomes "\r\n".
descriptor_pair terminal(const boost::asio::any_io_executor& executor);

// As a full-screen program sets it: bytes pass as they are.
void make_raw(descriptor& slave);

// Writes all of it, waiting for room; fails the test if it cannot.
flow::awaitable<void> write_all(descriptor& to, std::string text);

// What can be read now; the end of the data is not distinguished from nothing.
std::string read_now(descriptor& from);

// Waits until `size` bytes were read, or the end. A terminal's end is EIO.
flow::awaitable<std::string> read_up_to(descriptor& from, std::size_t size);

}  // namespace tests
