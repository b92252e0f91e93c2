import { defaultClusterName, down } from "@amalthea/cluster";
import { reportFailure } from "./report-failure.ts";

/** `npm stop`: ends the cluster of `npm start` and removes its data; what was built stays in the cache. */
await down(defaultClusterName, console.log).catch(reportFailure);
