/** signal-exit: cleans up on a signal that the program sends to itself, which then ends it. */
import { onExit } from "signal-exit";

onExit((code, signal) => console.log("cleaning up", code, signal));
process.on("SIGUSR1", () => {
  console.log("SIGUSR1");
  process.kill(process.pid, "SIGTERM");
});
setInterval(() => {}, 1000);
process.kill(process.pid, "SIGUSR1");
