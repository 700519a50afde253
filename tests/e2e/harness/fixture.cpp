#include "tests/e2e/harness/fixture.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace e2e {

namespace {

// Lists new entries, one per line.
std::string added_since(const std::set<std::string>& before) {
  const auto now = machine_state(private_containerd::directory());
  std::string added;
  for (const auto& one : now) {
    if (!before.contains(one)) {
      added += "  " + one + "\n";
    }
  }
  return added;
}

}  // namespace

void ContainerdTest::SetUp() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  id_ = std::string(info->test_suite_name()) + "-" + info->name();
  std::replace_if(id_.begin(), id_.end(), [](unsigned char c) { return !std::isalnum(c); }, '-');
  std::string scratch_name = "/tmp/hvsock-e2e-XXXXXX";
  ASSERT_NE(::mkdtemp(scratch_name.data()), nullptr);
  scratch_ = scratch_name;
  log_position_ = private_containerd::log_since(0).size();
  before_ = machine_state(private_containerd::directory());
}

void ContainerdTest::TearDown() {
  private_containerd::remove_all();
  std::error_code ec;
  std::filesystem::remove_all(scratch_, ec);
  // The last processes are still exiting when containerd answers.
  eventually([&] { return added_since(before_).empty(); });
  EXPECT_EQ(added_since(before_), "") << "left behind";
  if (HasFailure()) {
    std::fprintf(stderr, "--- log ---\n%s-----------\n", log().c_str());
  }
}

}  // namespace e2e
