import { runProgram } from "./bootstrap.js";

await runProgram("bench/main.ts", { debian: true });
