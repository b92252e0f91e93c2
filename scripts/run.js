// `node scripts/run.js NAME [ARGUMENTS]` is behind every npm script that is a program of ours: it prepares the machine
// and runs the program.
import { runProgram } from "./bootstrap.js";
import { usage } from "./usage.js";

const always = () => true;
const never = () => false;

/** Levels of the tests that need no package of Debian. */
const levelsWithout = ["check", "unit", ...(process.env.KUBEBUILDER_ASSETS ? ["integration"] : [])];
const levels = (words) => words.filter((word) => ["check", "unit", "integration", "e2e"].includes(word));

/** The program of each name, and for which arguments it needs Debian's packages, and so root. */
const programs = {
  start: { program: "scripts/start.ts", needsDebian: always },
  stop: { program: "scripts/stop.ts", needsDebian: never, takesArguments: false },
  test: {
    program: "scripts/test.ts",
    needsDebian: (words) => levels(words).length === 0 || levels(words).some((word) => !levelsWithout.includes(word)),
  },
  check: { program: "scripts/check.ts", needsDebian: never, takesArguments: false },
  generate: { program: "scripts/generate.ts", needsDebian: never, takesArguments: false },
  controller: { program: "controller/src/main.ts", needsDebian: never, takesArguments: false },
  cluster: { program: "cluster/src/main.ts", needsDebian: ([command]) => ["build", "up"].includes(command) },
  images: { program: "images/src/main.ts", needsDebian: ([command]) => command === "build" },
  sbom: { program: "scripts/supply-chain/main.ts", needsDebian: always },
  vulnerabilities: {
    program: "scripts/supply-chain/vulnerabilities-main.ts",
    needsDebian: never,
    takesArguments: false,
  },
  bench: { program: "bench/main.ts", needsDebian: always },
};

const [name, ...args] = process.argv.slice(2);
const { program, needsDebian, takesArguments = true } = programs[name];
const asksForHelp = args.some((word) => word === "--help" || word === "-h");
if (name in usage && (asksForHelp || (!takesArguments && args.length > 0))) {
  process.stdout.write(`${usage[name]}\n`);
  process.exit(asksForHelp ? 0 : 2);
}
await runProgram(program, args, { debian: needsDebian(args) });
