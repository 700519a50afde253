# Sourced by the scripts in this directory: announces a step, runs it, and prints how long it took.
# The output of a step is shown only if the step fails.

steps_log=$(mktemp)
trap 'rm -f "$steps_log"' EXIT

# seconds_since START: with one decimal
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }'; }

# step TEXT COMMAND...: runs the command quietly
step() {
  local text=$1 begin=$EPOCHREALTIME
  shift
  printf '%-58s ' "$text"
  if "$@" > "$steps_log" 2>&1; then
    echo "$(seconds_since "$begin")"
  else
    echo "failed after $(seconds_since "$begin")"
    tail -n 60 "$steps_log" >&2
    return 1
  fi
}

# build PRESET [TARGET...]: configures if necessary, and builds
build() {
  local preset=$1
  shift
  export HVSOCK_COMPILER_LAUNCHER=ccache
  [[ -e build/$preset/build.ninja ]] || cmake --preset "$preset"
  cmake --build --preset "$preset" ${1:+--target "$@"}
}
