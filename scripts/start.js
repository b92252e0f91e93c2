import { runProgram } from "./bootstrap.js";

await runProgram("scripts/start.ts", { debian: true });
