import { runProgram } from "./bootstrap.js";

await runProgram("controller/src/main.ts", { debian: false });
