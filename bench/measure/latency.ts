import { rounds } from "../plan.ts";
import { leave } from "../rig.ts";
import { add } from "../samples.ts";
import { endsOnSigterm, inTurn, type Measurement, sum, timed } from "./measurement.ts";
import { stormSeconds } from "./storm.ts";

/** SIGTERM in the middle of a storm: the time until PID 1 begins to exit, and until its parent has its status. */
export const latency: Measurement = {
  name: "latency",
  seconds: ({ leave }, peers) => sum(rounds(leave).map(stormSeconds)) * endsOnSigterm(peers).length,
  run: async ({ plan, peers, samples, done }) => {
    for (const [round, count] of rounds(plan.leave).entries()) {
      await timed(
        inTurn(endsOnSigterm(peers), round),
        1,
        `SIGTERM to exit in a storm of ${count}, ns`,
        samples,
        async (peer) => {
          const { exiting, wall } = await leave(count, peer);
          add(samples, `SIGTERM to exit begun in a storm of ${count}, ns`, peer.name, exiting);
          done(stormSeconds(count));
          return wall;
        },
      );
    }
  },
};
