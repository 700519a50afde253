#include "agent/container/metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <limits>
#include <string_view>
#include <vector>

#include "flow/system/file.hpp"
#include "flow/system/split.hpp"

namespace agent {

using flow::result;
namespace api = ::io::containerd::cgroups::v2;

namespace {

// "max" is no limit; anything else that is not a number is 0.
template <class Number>
Number number_of(std::string_view text) {
  if (text == "max") {
    return std::numeric_limits<Number>::max();
  }
  Number value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The content of a file that may not be there.
std::string content_of(const std::string& path) {
  auto text = flow::read_file(path);
  return text ? std::move(text.value()) : std::string();
}

std::uint64_t number_in(const std::string& path) {
  const std::string text = content_of(path);
  std::string_view rest = text;
  return number_of<std::uint64_t>(flow::split_front(rest, '\n'));
}

template <class Stat>
struct field {
  std::string_view name;
  void (Stat::*set)(std::uint64_t);
};

// Lines of "name number".
template <class Stat, std::size_t N>
void fill(Stat& stat, std::string_view text, const std::array<field<Stat>, N>& fields) {
  while (!text.empty()) {
    auto line = flow::split_front(text, '\n');
    const auto name = flow::split_front(line, ' ');
    const auto found =
        std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.name == name; });
    if (found != fields.end()) {
      (stat.*(found->set))(number_of<std::uint64_t>(line));
    }
  }
}

using cpu = api::CPUStat;
constexpr std::array cpu_fields{
    field<cpu>{"usage_usec", &cpu::set_usage_usec},
    field<cpu>{"user_usec", &cpu::set_user_usec},
    field<cpu>{"system_usec", &cpu::set_system_usec},
    field<cpu>{"nr_periods", &cpu::set_nr_periods},
    field<cpu>{"nr_throttled", &cpu::set_nr_throttled},
    field<cpu>{"throttled_usec", &cpu::set_throttled_usec},
    field<cpu>{"nr_bursts", &cpu::set_nr_bursts},
    field<cpu>{"burst_usec", &cpu::set_burst_usec},
};

using memory = api::MemoryStat;
constexpr std::array memory_fields{
    field<memory>{"anon", &memory::set_anon},
    field<memory>{"file", &memory::set_file},
    field<memory>{"kernel_stack", &memory::set_kernel_stack},
    field<memory>{"slab", &memory::set_slab},
    field<memory>{"sock", &memory::set_sock},
    field<memory>{"shmem", &memory::set_shmem},
    field<memory>{"file_mapped", &memory::set_file_mapped},
    field<memory>{"file_dirty", &memory::set_file_dirty},
    field<memory>{"file_writeback", &memory::set_file_writeback},
    field<memory>{"anon_thp", &memory::set_anon_thp},
    field<memory>{"inactive_anon", &memory::set_inactive_anon},
    field<memory>{"active_anon", &memory::set_active_anon},
    field<memory>{"inactive_file", &memory::set_inactive_file},
    field<memory>{"active_file", &memory::set_active_file},
    field<memory>{"unevictable", &memory::set_unevictable},
    field<memory>{"slab_reclaimable", &memory::set_slab_reclaimable},
    field<memory>{"slab_unreclaimable", &memory::set_slab_unreclaimable},
    field<memory>{"pgfault", &memory::set_pgfault},
    field<memory>{"pgmajfault", &memory::set_pgmajfault},
    // Kernels since 5.9 count anonymous memory and files apart; files are what the field meant.
    field<memory>{"workingset_refault_file", &memory::set_workingset_refault},
    field<memory>{"workingset_activate_file", &memory::set_workingset_activate},
    field<memory>{"workingset_nodereclaim", &memory::set_workingset_nodereclaim},
    field<memory>{"pgrefill", &memory::set_pgrefill},
    field<memory>{"pgscan", &memory::set_pgscan},
    field<memory>{"pgsteal", &memory::set_pgsteal},
    field<memory>{"pgactivate", &memory::set_pgactivate},
    field<memory>{"pgdeactivate", &memory::set_pgdeactivate},
    field<memory>{"pglazyfree", &memory::set_pglazyfree},
    field<memory>{"pglazyfreed", &memory::set_pglazyfreed},
    field<memory>{"thp_fault_alloc", &memory::set_thp_fault_alloc},
    field<memory>{"thp_collapse_alloc", &memory::set_thp_collapse_alloc},
};

using memory_events = api::MemoryEvents;
constexpr std::array memory_event_fields{
    field<memory_events>{"low", &memory_events::set_low},
    field<memory_events>{"high", &memory_events::set_high},
    field<memory_events>{"max", &memory_events::set_max},
    field<memory_events>{"oom", &memory_events::set_oom},
    field<memory_events>{"oom_kill", &memory_events::set_oom_kill},
};

using io = api::IOEntry;
constexpr std::array io_fields{
    field<io>{"rbytes", &io::set_rbytes},
    field<io>{"wbytes", &io::set_wbytes},
    field<io>{"rios", &io::set_rios},
    field<io>{"wios", &io::set_wios},
};

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and the same of "full".
template <class Stat>
void fill_pressure(Stat& stat, const std::string& path) {
  const std::string text = content_of(path);
  std::string_view rest = text;
  while (!rest.empty()) {
    auto line = flow::split_front(rest, '\n');
    const auto kind = flow::split_front(line, ' ');
    if (kind != "some" && kind != "full") {
      continue;
    }
    auto& psi = *stat.mutable_psi();
    auto& data = kind == "some" ? *psi.mutable_some() : *psi.mutable_full();
    while (!line.empty()) {
      auto value = flow::split_front(line, ' ');
      const auto name = flow::split_front(value, '=');
      if (name == "avg10") {
        data.set_avg10(number_of<double>(value));
      } else if (name == "avg60") {
        data.set_avg60(number_of<double>(value));
      } else if (name == "avg300") {
        data.set_avg300(number_of<double>(value));
      } else if (name == "total") {
        data.set_total(number_of<std::uint64_t>(value));
      }
    }
  }
}

// A line for each device: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6".
void fill_io(api::IOStat& stat, std::string_view text) {
  while (!text.empty()) {
    auto line = flow::split_front(text, '\n');
    auto device = flow::split_front(line, ' ');
    auto& entry = *stat.add_usage();
    entry.set_major(number_of<std::uint64_t>(flow::split_front(device, ':')));
    entry.set_minor(number_of<std::uint64_t>(device));
    std::string values(line);
    std::replace(values.begin(), values.end(), ' ', '\n');
    std::replace(values.begin(), values.end(), '=', ' ');
    fill(entry, values, io_fields);
  }
}

// A line for each device: "mlx4_0 hca_handle=2 hca_object=max".
template <class Add>
void fill_rdma(std::string_view text, Add add) {
  while (!text.empty()) {
    auto line = flow::split_front(text, '\n');
    api::RdmaEntry& entry = *add();
    entry.set_device(std::string(flow::split_front(line, ' ')));
    while (!line.empty()) {
      auto value = flow::split_front(line, ' ');
      const auto name = flow::split_front(value, '=');
      if (name == "hca_handle") {
        entry.set_hca_handles(number_of<std::uint32_t>(value));
      } else if (name == "hca_object") {
        entry.set_hca_objects(number_of<std::uint32_t>(value));
      }
    }
  }
}

// For each size of page: hugetlb.2MB.current, .max, and .events, whose "max" counts failures.
void fill_hugetlb(api::Metrics& metrics, const std::string& cgroup) {
  constexpr std::string_view prefix = "hugetlb.";
  constexpr std::string_view suffix = ".current";
  std::vector<std::string> sizes;
  std::error_code ec;
  for (std::filesystem::directory_iterator entry(cgroup, ec), end; !ec && entry != end;
       entry.increment(ec)) {
    const auto name = entry->path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(suffix) && !name.ends_with(".rsvd.current")) {
      sizes.push_back(name.substr(prefix.size(), name.size() - prefix.size() - suffix.size()));
    }
  }
  std::sort(sizes.begin(), sizes.end());

  for (const auto& size : sizes) {
    std::string base = cgroup + "/hugetlb.";
    base += size;
    auto& one = *metrics.add_hugetlb();
    one.set_pagesize(size);
    one.set_current(number_in(base + ".current"));
    one.set_max(number_in(base + ".max"));
    const std::string events = content_of(base + ".events");
    constexpr std::array fields{field<api::HugeTlbStat>{"max", &api::HugeTlbStat::set_failcnt}};
    fill(one, events, fields);
  }
}

}  // namespace

result<api::Metrics> read_metrics(const std::string& cgroup) {
  // Every cgroup has this file, whatever its controllers.
  const auto cpu_stat = flow::read_file(cgroup + "/cpu.stat");
  if (!cpu_stat) {
    return cpu_stat.error();
  }
  api::Metrics metrics;
  fill(*metrics.mutable_cpu(), cpu_stat.value(), cpu_fields);
  fill_pressure(*metrics.mutable_cpu(), cgroup + "/cpu.pressure");

  auto& pids = *metrics.mutable_pids();
  pids.set_current(number_in(cgroup + "/pids.current"));
  pids.set_limit(number_in(cgroup + "/pids.max"));

  auto& mem = *metrics.mutable_memory();
  fill(mem, content_of(cgroup + "/memory.stat"), memory_fields);
  mem.set_usage(number_in(cgroup + "/memory.current"));
  mem.set_usage_limit(number_in(cgroup + "/memory.max"));
  mem.set_max_usage(number_in(cgroup + "/memory.peak"));
  mem.set_swap_usage(number_in(cgroup + "/memory.swap.current"));
  mem.set_swap_limit(number_in(cgroup + "/memory.swap.max"));
  mem.set_swap_max_usage(number_in(cgroup + "/memory.swap.peak"));
  fill_pressure(mem, cgroup + "/memory.pressure");
  fill(*metrics.mutable_memory_events(), content_of(cgroup + "/memory.events"),
       memory_event_fields);

  fill_io(*metrics.mutable_io(), content_of(cgroup + "/io.stat"));
  fill_pressure(*metrics.mutable_io(), cgroup + "/io.pressure");
  fill_rdma(content_of(cgroup + "/rdma.current"),
            [&] { return metrics.mutable_rdma()->add_current(); });
  fill_rdma(content_of(cgroup + "/rdma.max"), [&] { return metrics.mutable_rdma()->add_limit(); });
  fill_hugetlb(metrics, cgroup);
  return metrics;
}

std::uint64_t oom_kills(const std::string& cgroup) {
  memory_events events;
  fill(events, content_of(cgroup + "/memory.events"), memory_event_fields);
  return events.oom_kill();
}

}  // namespace agent
