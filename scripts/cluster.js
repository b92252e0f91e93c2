import { runProgram } from "./bootstrap.js";

await runProgram("cluster/src/main.ts", { debian: true });
