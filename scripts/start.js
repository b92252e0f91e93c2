import { runProgram } from "./bootstrap.js";

await runProgram("scripts/start.ts", { debian: !process.argv.includes("--context") });
