import { runProgram } from "./bootstrap.js";

await runProgram("images/src/main.ts", { debian: process.argv[2] === "build" });
