import { runProgram } from "./bootstrap.js";

await runProgram("scripts/check.ts", { debian: false });
