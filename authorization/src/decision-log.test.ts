import { describe, expect, it } from "vitest";
import type { Decision } from "./access.ts";
import { DecisionLog, REPEAT_WINDOW_MS } from "./decision-log.ts";
import { jsonLog } from "./log.ts";
import type { RequestFacts } from "./request-facts.ts";

const facts: RequestFacts = {
  kind: "Api",
  method: "GET",
  host: "x.example",
  target: "/api/contents?token=hidden",
  origin: undefined,
  fetchSite: undefined,
  credentials: { cookie: "session=hidden", authorization: "Bearer hidden" },
  cookiesForUpstream: "_xsrf=hidden",
  hasTooManyCookies: false,
};
const allow = (userId: string): Decision => ({ kind: "Allow", identity: { userId, email: "a@b", groups: [] } });

function aLog(level: "debug" | "info") {
  const lines: Record<string, unknown>[] = [];
  const clock = { ms: 0 };
  const log = jsonLog(
    level,
    () => clock.ms,
    (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
  );
  return { lines, clock, decisions: new DecisionLog(log, () => clock.ms) };
}

describe("DecisionLog", () => {
  it("writes a decision once, and after a minute how often it was repeated", () => {
    const { lines, clock, decisions } = aLog("info");
    for (let time = 0; time < 10; time += 1) decisions.record(facts, allow("u-1"));
    decisions.flush();
    expect(lines).toEqual([
      {
        level: "info",
        time: "1970-01-01T00:00:00.000Z",
        decision: "Allow",
        request: "Api",
        user: "u-1",
        message: "access decided",
      },
    ]);
    clock.ms = REPEAT_WINDOW_MS;
    decisions.flush();
    expect(lines[1]).toMatchObject({ user: "u-1", repeats: 9, message: "access decision repeated" });
    decisions.record(facts, allow("u-1"));
    expect(lines[2]).toMatchObject({ message: "access decided" });
  });

  it("tells users, reasons and kinds of request apart", () => {
    const { lines, decisions } = aLog("info");
    decisions.record(facts, allow("u-1"));
    decisions.record(facts, allow("u-2"));
    decisions.record({ ...facts, kind: "Page" }, allow("u-1"));
    decisions.record(facts, { kind: "Refuse", reason: "NotSignedIn", identity: undefined });
    expect(lines.map(({ user, request, reason }) => [user, request, reason])).toEqual([
      ["u-1", "Api", undefined],
      ["u-2", "Api", undefined],
      ["u-1", "Page", undefined],
      [undefined, "Api", "NotSignedIn"],
    ]);
  });

  it("forgets before it grows without bound", () => {
    const { lines, decisions } = aLog("info");
    for (let user = 0; user < 1_001; user += 1) {
      decisions.record(facts, allow(`u-${user}`));
      decisions.record(facts, allow(`u-${user}`));
    }
    expect(lines.filter(({ message }) => message === "access decision repeated")).toHaveLength(1_000);
  });

  it("shows e-mail addresses at debug only, and secrets never", () => {
    const info = aLog("info");
    info.decisions.record(facts, allow("a@b"));
    expect(info.lines[0]?.["user"]).toMatch(/^sha256:[0-9a-f]{16}$/);
    expect(JSON.stringify(info.lines)).not.toContain("a@b");
    const debug = aLog("debug");
    debug.decisions.record(facts, allow("u-1"));
    expect(debug.lines[0]).toMatchObject({ level: "debug", path: "/api/contents", email: "a@b" });
    expect(JSON.stringify(debug.lines)).not.toContain("hidden");
  });
});
