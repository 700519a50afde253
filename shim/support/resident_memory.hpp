// The shim idles for nearly all of its life, once per sandbox: what it holds in memory then counts.
#pragma once

namespace shim {

// Gives back what doing something took and idling does not need: free heap pages, and pages of the
// program itself, which come back from the page cache when they are used.
void trim_resident_memory() noexcept;

}  // namespace shim
