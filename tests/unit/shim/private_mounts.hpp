// Mounts that nobody else sees and that go with the process.
#pragma once

namespace tests {

// From here on the process has a mount namespace of its own; false if it may not have one. Called
// at the start of a test, before anything is mounted. May be called again.
bool enter_private_mounts();

}  // namespace tests
