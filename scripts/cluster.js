import { runProgram } from "./bootstrap.js";

const makesPrograms = ["build", "up"].includes(process.argv[2]);
await runProgram("cluster/src/main.ts", { debian: makesPrograms });
