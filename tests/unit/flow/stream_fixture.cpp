#include "tests/unit/flow/stream_fixture.hpp"

#include <array>
#include <vector>

namespace tests {

void wire_peer::send_bytes(const std::string& bytes) {
  std::string copy = bytes;
  const iovec whole{copy.data(), copy.size()};
  flow::error_code ec;
  if (transport_->write_some({&whole, 1}, ec) != copy.size()) {
    ++send_failures;
  }
}

std::string wire_peer::received() {
  std::string frames;
  const auto note = [&frames](const std::string& frame) {
    frames += frames.empty() ? frame : ", " + frame;
  };
  std::vector<std::byte> buffer(1U << 20U);
  for (;;) {
    const iovec whole{buffer.data(), buffer.size()};
    flow::error_code ec;
    const std::size_t n = transport_->read_some({&whole, 1}, ec);
    if (n == 0) {
      if (!ec) {
        note("End");
      } else if (ec != boost::asio::error::would_block) {
        note(ec.message());
      }
      return frames;
    }
    auto bytes = std::span(buffer).first(n);
    for (;;) {
      const auto item = decoder_.next(bytes);
      if (item.type == flow::frame_decoder::item_type::none) {
        break;
      }
      if (item.type == flow::frame_decoder::item_type::failure) {
        note("bad header");
        return frames;
      }
      if (item.type == flow::frame_decoder::item_type::payload) {
        payload.append(reinterpret_cast<const char*>(item.payload.data()), item.payload.size());
        inside_ += static_cast<std::uint32_t>(item.payload.size());
        if (decoder_.payload_left() == 0) {
          note("Data " + std::to_string(std::exchange(inside_, 0)));
        }
        continue;
      }
      switch (item.code) {
        case frame_code::shutdown_read:
          note("ShutdownRead");
          break;
        case frame_code::shutdown_write:
          note("ShutdownWrite");
          break;
        case frame_code::close:
          note("Close");
          break;
      }
    }
  }
}

namespace {

awaitable<flow::error_code> write_and_end(stream& s, std::string bytes) {
  auto failure = co_await write_error(s, std::move(bytes));
  if (!failure) {
    const auto ended = co_await s.shutdown_write();
    failure = ended ? flow::error_code() : ended.error().code();
  }
  co_return failure;
}

}  // namespace

awaitable<std::string> read_to_end(stream& s, flow::error_code* ending, std::size_t piece) {
  std::string all;
  std::vector<char> buffer(piece);
  for (;;) {
    const auto n = co_await s.read_some(boost::asio::buffer(buffer));
    if (!n) {
      *ending = n.error().code();
      co_return all;
    }
    all.append(buffer.data(), *n);
  }
}

awaitable<flow::error_code> read_error(stream& s) {
  std::array<char, 16> buffer{};
  const auto n = co_await s.read_some(boost::asio::buffer(buffer));
  co_return n ? flow::error_code() : n.error().code();
}

awaitable<flow::error_code> write_error(stream& s, std::string bytes) {
  const auto r = co_await s.write(boost::asio::buffer(bytes));
  co_return r ? flow::error_code() : r.error().code();
}

awaitable<void> exchange(stream& a, stream& b, std::size_t there, std::size_t back,
                         std::size_t piece) {
  const auto executor = a.get_executor();
  started sending(executor, write_and_end(a, pattern(there)));
  started answering(executor, write_and_end(b, pattern(back, 100)));
  flow::error_code end_of_b;
  started reading(executor, read_to_end(b, &end_of_b, piece));
  flow::error_code end_of_a;
  const auto all = co_await read_to_end(a, &end_of_a, piece);
  co_await reading.wait();
  co_await sending.wait();
  co_await answering.wait();
  EXPECT_TRUE(all == pattern(back, 100)) << all.size() << " of " << back;
  EXPECT_TRUE(*reading == pattern(there)) << reading->size() << " of " << there;
  EXPECT_EQ(end_of_a, boost::asio::error::eof);
  EXPECT_EQ(end_of_b, boost::asio::error::eof);
  EXPECT_FALSE(*sending);
  EXPECT_FALSE(*answering);
  EXPECT_EQ(a.bytes_written(), there);
  EXPECT_EQ(b.bytes_read(), there);
  started closing(executor, a.close(std::chrono::hours(1)));
  const auto r = co_await b.close(std::chrono::hours(1));
  co_await closing.wait();
  EXPECT_TRUE(r.acknowledged && closing->acknowledged);
  EXPECT_EQ(r.discarded, 0U);
}

}  // namespace tests
