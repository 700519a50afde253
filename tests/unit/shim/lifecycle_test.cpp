// What every call answers in every state: the whole table.
#include "shim/task/lifecycle.hpp"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "runtime_api/ttrpc/status.hpp"

using shim::freezer_state;
using shim::kill_effect;
using shim::lifecycle;
using shim::process_state;
using shim::standing;
using ttrpc::code;
using enum shim::process_state;

namespace {

constexpr std::array all_states{creating, created, starting, running, exited, stopped, failed};

standing first_process(process_state state, freezer_state freezer = freezer_state::thawed) {
  return {.process = state, .is_init = true, .init = state, .freezer = freezer};
}

standing exec_process(process_state state, process_state init = running,
                      freezer_state freezer = freezer_state::thawed) {
  return {.process = state, .is_init = false, .init = init, .freezer = freezer};
}

// "ok", or the code and the text of the refusal.
template <class T>
std::string answer(const flow::result<T>& r) {
  if (r) {
    return "ok";
  }
  const auto& e = r.error();
  return (e.code() == code::not_found ? "not found: " : "precondition: ") + e.context();
}

using column = std::array<std::string, all_states.size()>;

// The answers in the order of all_states.
template <class Rule, class Make>
column column_of(Rule rule, Make make) {
  column answers;
  for (std::size_t i = 0; i < all_states.size(); ++i) {
    answers.at(i) = answer(rule(make(all_states.at(i))));
  }
  return answers;
}

const std::string ok = "ok";
const std::string unknown = "not found: container c1";
const std::string finished = "not found: process already finished";

std::string refused(const std::string& text) {
  return "precondition: " + text;
}

}  // namespace

TEST(Lifecycle, StartFitsACreatedProcess) {
  const auto rule = [](const standing& s) { return can_start(s, "c1"); };
  const auto in_progress = refused("cannot start a running process");
  const auto over = refused("cannot start a stopped process");
  const auto broken = refused("cannot start a failed process");
  const column first{unknown, ok, in_progress, in_progress, in_progress, over, broken};
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s); }), first);
  EXPECT_EQ(column_of(rule, [](auto s) { return exec_process(s); }), first);
}

TEST(Lifecycle, ExecIsStartedWhileTheFirstProcessRunsAndIsNotFrozen) {
  for (const auto init : all_states) {
    EXPECT_EQ(answer(can_start(exec_process(created, init), "c1")),
              init == running ? ok : refused("container c1 init process is not running"));
  }
  for (const auto freezer :
       {freezer_state::freezing, freezer_state::frozen, freezer_state::thawing}) {
    EXPECT_EQ(answer(can_start(exec_process(created, running, freezer), "c1")),
              refused("cannot exec in a paused state"));
  }
}

TEST(Lifecycle, KillFitsWhatIsThereAndHasNotExited) {
  const auto term = [](const standing& s) { return can_kill(s, SIGTERM, "c1"); };
  const auto forced = [](const standing& s) { return can_kill(s, SIGKILL, "c1"); };
  const auto early = refused("process not created");
  const column first_term{unknown, ok, ok, ok, finished, finished, finished};
  const column first_kill{ok, ok, ok, ok, ok, finished, finished};
  const column exec_term{unknown, early, early, ok, finished, finished, finished};
  const column exec_kill{ok, early, early, ok, ok, finished, finished};
  EXPECT_EQ(column_of(term, [](auto s) { return first_process(s); }), first_term);
  EXPECT_EQ(column_of(forced, [](auto s) { return first_process(s); }), first_kill);
  EXPECT_EQ(column_of(term, [](auto s) { return exec_process(s); }), exec_term);
  EXPECT_EQ(column_of(forced, [](auto s) { return exec_process(s); }), exec_kill);
}

TEST(Lifecycle, WhatKillDoesDependsOnTheState) {
  EXPECT_EQ(can_kill(first_process(creating), SIGKILL, "c1").value(), kill_effect::abort_create);
  EXPECT_EQ(can_kill(first_process(created), SIGKILL, "c1").value(), kill_effect::send);
  EXPECT_EQ(can_kill(first_process(running), 0, "c1").value(), kill_effect::send);
  EXPECT_EQ(can_kill(first_process(exited), SIGKILL, "c1").value(), kill_effect::none);
}

TEST(Lifecycle, DeleteFitsWhatDoesNotRun) {
  const auto rule = [](const standing& s) { return can_delete(s); };
  const auto busy = refused("cannot delete a running process");
  const auto paused = refused("cannot delete a paused process");
  const column thawed{busy, ok, busy, busy, busy, ok, ok};
  const column frozen{busy, ok, busy, paused, paused, ok, ok};
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s); }), thawed);
  EXPECT_EQ(column_of(rule, [](auto s) { return exec_process(s); }), thawed);
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s, freezer_state::frozen); }),
            frozen);
  EXPECT_EQ(column_of(rule, [](auto s) { return exec_process(s, running, freezer_state::frozen); }),
            frozen);
}

TEST(Lifecycle, ExecIsAddedUntilTheFirstProcessHasExitedUnlessPaused) {
  const auto rule = [](const standing& s) { return can_exec(s); };
  const auto over = refused("cannot exec in a stopped state");
  const column thawed{ok, ok, ok, ok, over, over, ok};
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s); }), thawed);
  for (const auto freezer :
       {freezer_state::freezing, freezer_state::frozen, freezer_state::thawing}) {
    EXPECT_EQ(answer(can_exec(first_process(running, freezer))),
              refused("cannot exec in a paused state"));
  }
}

TEST(Lifecycle, PauseFitsARunningContainer) {
  const auto rule = [](const standing& s) { return can_pause(s); };
  const auto early = refused("cannot pause task in created state");
  const auto over = refused("cannot pause task in stopped state");
  const column thawed{early, early, early, ok, over, over, early};
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s); }), thawed);
  EXPECT_EQ(answer(can_pause(first_process(running, freezer_state::freezing))),
            refused("cannot pause task in pausing state"));
  EXPECT_EQ(answer(can_pause(first_process(running, freezer_state::frozen))),
            refused("cannot pause task in paused state"));
  EXPECT_EQ(answer(can_pause(first_process(running, freezer_state::thawing))),
            refused("cannot pause task in paused state"));
}

TEST(Lifecycle, ResumeFitsAPausedContainer) {
  const auto rule = [](const standing& s) { return can_resume(s); };
  const auto early = refused("cannot resume task in created state");
  const auto not_paused = refused("cannot resume task in running state");
  const auto over = refused("cannot resume task in stopped state");
  const column thawed{early, early, early, not_paused, over, over, early};
  const column frozen{early, early, early, ok, over, over, early};
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s); }), thawed);
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s, freezer_state::frozen); }),
            frozen);
}

TEST(Lifecycle, UpdateFitsUntilTheFirstProcessHasExited) {
  const auto rule = [](const standing& s) { return can_update(s); };
  const auto over = refused("cannot update a stopped container");
  const column answers{ok, ok, ok, ok, over, over, ok};
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s); }), answers);
}

TEST(Lifecycle, ResizeOfAnExecFitsUntilItHasExited) {
  const auto rule = [](const standing& s) { return can_resize(s); };
  const auto over = refused("cannot resize a stopped process");
  const column first{ok, ok, ok, ok, ok, ok, ok};
  const column exec{ok, ok, ok, ok, over, over, ok};
  EXPECT_EQ(column_of(rule, [](auto s) { return first_process(s); }), first);
  EXPECT_EQ(column_of(rule, [](auto s) { return exec_process(s); }), exec);
}

TEST(Lifecycle, FirstProcessGoesItsWayAndAFailedStartMayBeRepeated) {
  auto life = lifecycle::of_init();
  EXPECT_TRUE(life.in_transition());
  EXPECT_FALSE(life.is_known());
  life.enter(created);
  EXPECT_TRUE(life.is_known());
  life.enter(starting);
  life.start_failed();
  EXPECT_EQ(life.now(), created);
  life.enter(starting);
  life.enter(running);
  EXPECT_TRUE(life.counts_as_running());
  life.enter(exited);
  EXPECT_TRUE(life.counts_as_running()) << "until its output is safe";
  EXPECT_FALSE(life.is_over());
  life.enter(stopped);
  EXPECT_TRUE(life.is_over());
  EXPECT_FALSE(life.counts_as_running());
}

TEST(Lifecycle, ExecThatFailsToStartIsOver) {
  auto life = lifecycle::of_exec();
  EXPECT_TRUE(life.is_known());
  life.enter(starting);
  life.start_failed();
  EXPECT_EQ(life.now(), failed);
  EXPECT_TRUE(life.is_over());
  EXPECT_FALSE(life.exec_was_started());
}

TEST(Lifecycle, EveryStateHasAName) {
  std::vector<std::string> names;
  for (const auto state : all_states) {
    names.emplace_back(name_of(state));
  }
  const std::vector<std::string> wanted{"creating", "created", "starting", "running",
                                        "exited",   "stopped", "failed"};
  EXPECT_EQ(names, wanted);
}
