#include "flow/tools/connection_options.hpp"

namespace flow::tools {
namespace {

constexpr std::string_view raw_prefix = "raw+";
constexpr std::string_view framed_prefix = "framed+";

}  // namespace

void connection_options::add_to(command_line& line) {
  line.add_heading("Connections:");
  line.add_flag('r', "raw", "Send raw bytes unless an address begins with framed+", raw);
  line.add(0, "connect-timeout", "SECONDS", "Give up a connection attempt after this time (10)",
           seconds_value(connect_timeout));
  line.add(0, "close-timeout", "SECONDS",
           "Wait this long for the peer when closing the connection (10)",
           seconds_value(close_timeout));
  line.add(0, "max-payload", "BYTES",
           "Largest frame sent (4096, which every peer accepts; up to 65532 if both ends agree)",
           number_value(max_payload, 1, agreed_max_payload));
  line.add(0, "max-frame", "BYTES", "Largest frame accepted (65532)",
           number_value(max_frame, 1, invalid_length - 1));
  line.add(0, "vsock-buffer", "BYTES",
           "Buffer size of vsock sockets at this end (the kernel's default, 256k)",
           number_value(vsock.buffer_size, 128, std::uint64_t{1} << 32U));
  line.add_flag(0, "to-host",
                "Reach a vsock address through the host, to connect to another of its guests",
                vsock.to_host);
}

result<target> connection_options::parse_target(const std::string& text) const {
  std::string_view uri = text;
  bool framed = !raw;
  if (uri.starts_with(raw_prefix)) {
    framed = false;
    uri.remove_prefix(raw_prefix.size());
  } else if (uri.starts_with(framed_prefix)) {
    framed = true;
    uri.remove_prefix(framed_prefix.size());
  }
  auto where = parse_address(uri);
  if (!where) {
    return where.error();
  }
  return target{std::move(*where), framed, text};
}

std::unique_ptr<duplex> connection_options::speak(std::unique_ptr<transport> connection,
                                                  const target& t) const {
  if (!t.framed) {
    return make_raw(std::move(connection));
  }
  stream_options o;
  o.max_payload = max_payload;
  o.max_frame = max_frame;
  return make_framed(std::move(connection), o);
}

awaitable<result<std::unique_ptr<duplex>>> connection_options::connect(
    asio::any_io_executor executor, const target& t) const {
  auto connection = co_await flow::connect(executor, t.where, connect_timeout, vsock);
  if (!connection) {
    co_return connection.error();
  }
  co_return speak(std::move(*connection), t);
}

result<listener> connection_options::listen(const asio::any_io_executor& executor,
                                            const target& t) const {
  return flow::listen(executor, t.where, vsock);
}

std::string place_of(const listener& l, const target& t) {
  return std::holds_alternative<vsock_address>(t.where) ? to_uri(l.local_address())
                                                        : to_uri(t.where);
}

}  // namespace flow::tools
