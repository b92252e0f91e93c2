import { runProgram } from "./bootstrap.js";

await runProgram("scripts/stop.ts", { debian: false });
