#include "tests/interop/interop_service.hpp"

#include "runtime_api/ttrpc/status.hpp"

namespace interop {

using flow::error;
using flow::result;
using ttrpc::call_context;
using ttrpc::received;
using ttrpc::stream_reader;
using ttrpc::stream_writer;

answer<rpc::EchoPayload> streaming::echo(call_context& /*context*/,
                                         const rpc::EchoPayload& request) {
  rpc::EchoPayload response = request;
  response.set_seq(request.seq() + 1);
  co_return response;
}

answer<void> streaming::echo_stream(call_context& /*context*/, stream_reader<rpc::EchoPayload> in,
                                    stream_writer<rpc::EchoPayload> out) {
  rpc::EchoPayload next;
  for (;;) {
    const auto got = co_await in.read(next);
    if (!got) {
      co_return got.error();
    }
    if (*got == received::end) {
      co_return result<void>();
    }
    next.set_seq(next.seq() + 1);
    const auto written = co_await out.write(next);
    if (!written) {
      co_return written.error();
    }
  }
}

answer<rpc::Sum> streaming::sum_stream(call_context& /*context*/, stream_reader<rpc::Part> in) {
  rpc::Sum sum;
  rpc::Part next;
  for (;;) {
    const auto got = co_await in.read(next);
    if (!got) {
      co_return got.error();
    }
    if (*got == received::end) {
      co_return sum;
    }
    sum.set_sum(sum.sum() + next.add());
    sum.set_num(sum.num() + 1);
  }
}

answer<void> streaming::divide_stream(call_context& /*context*/, const rpc::Sum& request,
                                      stream_writer<rpc::Part> out) {
  std::int32_t left = request.sum();
  for (std::int32_t parts = request.num(); parts > 0; --parts) {
    rpc::Part part;
    part.set_add(left / parts);
    left -= part.add();
    const auto written = co_await out.write(part);
    if (!written) {
      co_return written.error();
    }
  }
  co_return result<void>();
}

answer<empty> streaming::echo_null(call_context& /*context*/, stream_reader<rpc::EchoPayload> in) {
  rpc::EchoPayload next;
  for (std::uint32_t expected = 0;; ++expected) {
    const auto got = co_await in.read(next);
    if (!got) {
      co_return got.error();
    }
    if (*got == received::end) {
      co_return empty();
    }
    if (next.seq() != expected) {
      co_return error(ttrpc::code::invalid_argument, "unexpected sequence number");
    }
  }
}

answer<void> streaming::echo_null_stream(call_context& /*context*/,
                                         stream_reader<rpc::EchoPayload> in,
                                         stream_writer<empty> out) {
  rpc::EchoPayload next;
  for (std::uint32_t expected = 0;; ++expected) {
    const auto got = co_await in.read(next);
    if (!got) {
      co_return got.error();
    }
    if (*got == received::end) {
      co_return result<void>();
    }
    if (next.seq() != expected) {
      co_return error(ttrpc::code::invalid_argument, "unexpected sequence number");
    }
    const auto written = co_await out.write(empty());
    if (!written) {
      co_return written.error();
    }
  }
}

answer<void> streaming::empty_payload_stream(call_context& /*context*/, const empty& /*request*/,
                                             stream_writer<rpc::EchoPayload> out) {
  for (std::uint32_t i = 1; i <= 5; ++i) {
    rpc::EchoPayload next;
    next.set_seq(i);
    const auto written = co_await out.write(next);
    if (!written) {
      co_return written.error();
    }
  }
  co_return result<void>();
}

answer<rpc::EchoPayload> extra::fail(call_context& /*context*/, const rpc::EchoPayload& request) {
  co_return error(ttrpc::code::not_found, request.msg());
}

answer<rpc::EchoPayload> extra::fill(call_context& /*context*/, const rpc::EchoPayload& request) {
  rpc::EchoPayload response;
  response.set_msg(std::string(request.seq(), 'x'));
  co_return response;
}

answer<rpc::EchoPayload> extra::wait(call_context& context, const rpc::EchoPayload& request) {
  while (!context.cancelled()) {
    co_await context.cancellation().wait();
  }
  co_return request;
}

answer<rpc::EchoPayload> extra::metadata(call_context& context, const rpc::EchoPayload& request) {
  rpc::EchoPayload response;
  response.set_msg(std::string(context.metadata(request.msg()).value_or("")));
  co_return response;
}

}  // namespace interop
