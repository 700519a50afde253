#include "shim/io/open_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "flow/system/retry_interrupted.hpp"
#include "shim/io/fifo.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

class null_sink final : public sink {
 public:
  awaitable<result<std::size_t>> write_some(flow::asio::const_buffer data) override {
    co_return data.size();
  }
  std::uint64_t unread() override { return 0; }
  bool has_reader() override { return true; }
  void close() override {}
};

// A regular file or a device. Writing does not wait.
class file_sink final : public sink {
 public:
  explicit file_sink(unique_fd file) : file_(std::move(file)) {}

  awaitable<result<std::size_t>> write_some(flow::asio::const_buffer data) override {
    if (!file_) {
      co_return error(errc::aborted, "write to file");
    }
    const auto n =
        flow::retry_interrupted([&] { return ::write(file_.get(), data.data(), data.size()); });
    if (n < 0) {
      co_return system_error("write to file");
    }
    co_return static_cast<std::size_t>(n);
  }
  std::uint64_t unread() override { return 0; }
  bool has_reader() override { return true; }
  void close() override { file_.reset(); }

 private:
  unique_fd file_;
};

result<std::unique_ptr<sink>> open_file(const std::string& path, int flags) {
  unique_fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0644));
  if (!file) {
    return system_error("open " + path);
  }
  return std::unique_ptr<sink>(std::make_unique<file_sink>(std::move(file)));
}

// A file is not created: the client meant something that exists.
result<std::unique_ptr<sink>> open_path(const flow::asio::any_io_executor& executor,
                                        const std::string& path) {
  auto file = looked_up_file::find(path);
  if (!file) {
    return std::move(file).error();
  }
  if (!file.value().is_fifo()) {
    return open_file(path, 0);
  }
  return fifo_sink::open(executor, std::move(file.value()));
}

result<std::unique_ptr<sink>> create_file(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ec);
  // A directory that could not be made shows when the file is opened.
  return open_file(path, O_CREAT);
}

}  // namespace

result<std::unique_ptr<sink>> open_sink(const flow::asio::any_io_executor& executor,
                                        const stdio_uri& uri) {
  using kind = stdio_uri::kind;
  if (uri.what == kind::none) {
    return std::unique_ptr<sink>(std::make_unique<null_sink>());
  }
  if (uri.what != kind::path && uri.what != kind::file) {
    return error(errc::invalid_argument, "unknown stdio scheme " + uri.scheme);
  }
  if (!uri.path.starts_with('/')) {
    return error(errc::invalid_argument,
                 "stdio path \"" + uri.path + "\" is not absolute: give it from / on");
  }
  return uri.what == kind::path ? open_path(executor, uri.path) : create_file(uri.path);
}

}  // namespace shim
