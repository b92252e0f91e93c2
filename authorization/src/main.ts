import { startAuthorization } from "./authorization.ts";
import { ConfigError, readConfig } from "./config.ts";
import { jsonLog } from "./log.ts";

const now = (): number => Date.now();
const write = (line: string): void => void process.stdout.write(line);

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const authorization = await startAuthorization(config, jsonLog(config.logLevel, now, write), now);
  // As process 1 of a container the default action of these signals is to do nothing.
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void authorization.close().then(() => process.exit(0)));
  }
}

main().catch((error: unknown) => {
  const reason = error instanceof ConfigError ? error.message : String(error);
  write(
    `${JSON.stringify({ level: "error", time: new Date(now()).toISOString(), reason, message: "cannot start" })}\n`,
  );
  process.exitCode = 1;
});
