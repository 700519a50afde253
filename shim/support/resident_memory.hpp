// The shim is idle for nearly all of its life, and there is one per sandbox, so its resident
// memory counts.
#pragma once

namespace shim {

// Returns memory that an idle shim does not need: free heap pages, and pages of the program itself,
// which are read back from the page cache when they are used.
void trim_resident_memory() noexcept;

}  // namespace shim
