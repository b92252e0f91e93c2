import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { JUPYTER_ENV, JUPYTER_NOTEBOOK_CONFIG, JUPYTER_SERVER_CONFIG } from "./jupyter-config.ts";

/** Stands for traitlets: collects what a configuration file sets. */
const RUN = `
import json, sys
class Section(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__
    def __missing__(self, name):
        self[name] = Section()
        return self[name]
config = Section()
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), {"get_config": lambda: config})
print(json.dumps(config))
`;

const directory = mkdtempSync(join(tmpdir(), "jupyter-config-"));
const tokenFile = join(directory, "token");
writeFileSync(tokenFile, 'a: "b"\n');

const environment = {
  [JUPYTER_ENV.listenAddress]: "0.0.0.0",
  [JUPYTER_ENV.port]: "8888",
  [JUPYTER_ENV.baseUrl]: "/sessions/alice",
  [JUPYTER_ENV.defaultUrl]: '/lab/tree/o\'reilly "x"',
  [JUPYTER_ENV.rootDir]: join(directory, "made/here"),
  [JUPYTER_ENV.allowOrigin]: "https://hub.example.org",
  [JUPYTER_ENV.tokenFile]: tokenFile,
  [JUPYTER_ENV.cookieSecretFile]: "/etc/cookie",
};

function run(config: string, env: Readonly<Record<string, string>>): Record<string, Record<string, unknown>> {
  const file = join(directory, "config.py");
  writeFileSync(file, config);
  const output = execFileSync("python3", ["-c", RUN, file], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: "pipe",
  });
  return JSON.parse(output.toString()) as Record<string, Record<string, unknown>>;
}

/** The configuration is Python; the machine of somebody who changes something else may have none. */
const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe.skipIf(!hasPython).each([
  { config: JUPYTER_SERVER_CONFIG, application: "ServerApp", directoryOption: "root_dir" },
  { config: JUPYTER_NOTEBOOK_CONFIG, application: "NotebookApp", directoryOption: "notebook_dir" },
])("the configuration of $application", ({ config, application, directoryOption }) => {
  it("keeps cookies for https alone where people come by https", () => {
    const cookies = { secure_cookie: true, xsrf_cookie_kwargs: { path: "/sessions/alice/", secure: true } };
    expect(run(config, environment)[application]?.["tornado_settings"]).toEqual(cookies);
    const plain = { ...environment, [JUPYTER_ENV.allowOrigin]: "http://localhost:8080" };
    expect(run(config, plain)[application]).not.toHaveProperty("tornado_settings");
  });

  it("takes its values from the environment, whatever characters they have, and makes the directory", () => {
    const options = run(config, environment)[application];
    expect(options).toMatchObject({
      ip: "0.0.0.0",
      port: 8888,
      base_url: "/sessions/alice",
      default_url: '/lab/tree/o\'reilly "x"',
      allow_origin: "https://hub.example.org",
      token: 'a: "b"',
      [directoryOption]: environment[JUPYTER_ENV.rootDir],
    });
    expect(existsSync(join(directory, "made/here"))).toBe(true);
  });

  it("asks for no token where none is configured", () => {
    const { [JUPYTER_ENV.tokenFile]: _file, ...rest } = environment;
    expect(run(config, rest)[application]?.["token"]).toBe("");
  });

  it("does not start without the token file it is told to read", () => {
    expect(() => run(config, { ...environment, [JUPYTER_ENV.tokenFile]: join(directory, "none") })).toThrow(
      "No such file",
    );
  });
});
