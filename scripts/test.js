import { runProgram } from "./bootstrap.js";

const needsNodeAlone = process.argv[2] === "unit" || process.argv.includes("--context");
await runProgram("scripts/test.ts", { debian: !needsNodeAlone });
