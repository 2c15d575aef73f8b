import { type Start, startOnce } from "../rig.ts";
import { add } from "../samples.ts";
import { endsOnSigterm, inTurn, type Measurement, timed } from "./measurement.ts";

const SECONDS = 0.03;

/** Exec to parked, SIGTERM to exit, and the page faults of both. */
export const starts: Measurement = {
  name: "start",
  seconds: ({ starts: [rounds, each] }, peers) => rounds * each * peers.length * SECONDS,
  run: async ({ plan, peers, samples, done }) => {
    const [rounds, each] = plan.starts;
    for (let round = 0; round < rounds; round++) {
      const taken = new Map(peers.map(({ name }) => [name, [] as Start[]]));
      await timed(inTurn(peers, round), each, "exec to parked, ns", samples, async (peer) => {
        const sample = await startOnce(peer);
        taken.get(peer.name)?.push(sample);
        done(SECONDS);
        return sample.start;
      });
      for (const { name } of endsOnSigterm(peers)) {
        const all = taken.get(name) ?? [];
        add(samples, "SIGTERM to exit, ns", name, ...all.map(({ end }) => end));
        add(samples, "page faults in a whole life, count", name, ...all.map(({ faults }) => faults));
      }
    }
  },
};
