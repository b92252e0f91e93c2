import { runProgram } from "./bootstrap.js";

await runProgram("scripts/generate.ts", { debian: false });
