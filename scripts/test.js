import { runProgram } from "./bootstrap.js";

const words = process.argv.slice(2);
const needsNodeAlone = words.length > 0 && words.every((word) => word === "check" || word === "unit");
await runProgram("scripts/test.ts", { debian: !needsNodeAlone });
