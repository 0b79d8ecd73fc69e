/** Commands of a machine with a shell, for the suite of commands beside a task. */
export const shellCommands = {
  copies: ["cat"],
  exits: (code: number) => ["sh", "-c", `exit ${code}`],
  runs: ["sh", "-c", "(setsid sleep 1000 &); echo ready; sleep 1000"],
  greets: ["sh", "-c", 'echo "$GREETING"'],
  firstSize: ["stty", "size"],
  sizes: ["sh", "-c", 'while :; do s=$(stty size); echo "size $s"; [ "$s" = "40 120" ] && exit 9; sleep 0.02; done'],
};
