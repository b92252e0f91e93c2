import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startChain, type Chain } from "./chain.ts";
import { startRecordingUpstream } from "./recording-upstream.ts";
import { eventually } from "./program.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true },
  mallory: { email: `"<script>alert(1)</script>"@example.org`, email_verified: true },
};
const criteria = { userId: "alice" };

describe("a pod with a login", () => {
  let chain: Chain;
  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${chain.ports.probe}/ready`)).status;
  const restartWithoutOauth2Proxy = async (): Promise<void> => {
    await chain.programs.oauth2Proxy.stop();
    await chain.programs.authorization.stop();
    await chain.restart("authorization");
  };

  beforeEach(async () => {
    chain = await startChain({ basePath: "/sessions/a", accounts, criteria });
  });
  afterEach(() => chain.close());

  it("is ready once oauth2-proxy has answered, and stays so without it", async () => {
    await restartWithoutOauth2Proxy();
    expect(await ready()).toBe(503);
    await chain.restart("oauth2Proxy");
    await eventually("the pod is ready", async () => (await ready()) === 200);
    await chain.programs.oauth2Proxy.stop();
    expect(await ready()).toBe(200);
  });

  it("stays ready for those who are signed in when authorization restarts without oauth2-proxy", async () => {
    const { cookie } = await chain.signIn("alice");
    await restartWithoutOauth2Proxy();
    const page = await fetch(`${chain.origin}/sessions/a/lab`, { headers: { Accept: "text/html", Cookie: cookie } });
    expect([page.status, await ready()]).toEqual([200, 200]);
  });
});

describe("when something fails", () => {
  let chain: Chain;
  let alice = "";
  const get = (path: string, accept: string): Promise<Response> =>
    fetch(`${chain.origin}${path}`, { headers: { Accept: accept, Cookie: alice }, redirect: "manual" });
  const page = (): Promise<Response> => get("/sessions/a/lab", "text/html,*/*;q=0.8");
  const api = (): Promise<Response> => get("/sessions/a/api/contents", "application/json");
  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${chain.ports.probe}/ready`)).status;

  beforeAll(async () => {
    chain = await startChain({ basePath: "/sessions/a", accounts, criteria });
    ({ cookie: alice } = await chain.signIn("alice"));
  });
  beforeEach(() => chain.upstream.forget());
  afterAll(() => chain.close());

  it("another user sees who they are, which server this is and how to sign out", async () => {
    const { status, body } = await chain.signIn("mallory");
    expect(status).toBe(403);
    expect(body).toContain("test-server");
    expect(body).toContain("&#60;script&#62;alert(1)&#60;/script&#62;");
    expect(body).not.toContain("<script");
    expect(body).toContain('href="/sessions/a/oauth2/sign_out"');
  });

  it("a broken policy keeps everybody out, with the reason", async () => {
    await chain.setPolicy("{");
    await eventually("access is refused", async () => (await api()).status === 403);
    expect(await (await page()).text()).toContain("cannot be read at the moment");
    expect(await (await api()).json()).toMatchObject({ error: "PolicyBroken" });
    await chain.setCriteria(criteria);
    await eventually("access is given again", async () => (await api()).status === 200);
  });

  it("without oauth2-proxy open sessions go on, and whoever wants to sign in sees what is wrong", async () => {
    await chain.programs.oauth2Proxy.stop();
    const ofLogin = await get("/sessions/a/oauth2/start?rd=/sessions/a/", "text/html");
    expect([(await page()).status, (await api()).status, ofLogin.status]).toEqual([200, 200, 503]);
    expect(await ofLogin.text()).toContain("is not answering");
    await chain.restart("oauth2Proxy");
    expect((await chain.signIn("alice")).status).toBe(200);
  });

  it("without the authorization service nobody gets in", async () => {
    await chain.programs.authorization.stop();
    const [answer, ofApi] = await Promise.all([page(), api()]);
    expect([answer.status, ofApi.status]).toEqual([500, 500]);
    expect(chain.upstream.arrivals).toEqual([]);
    expect(await ready()).toBe(502);
    await chain.restart("authorization");
    await eventually("it heals by itself", async () => (await page()).status === 200);
  });

  it("a hanging oauth2-proxy keeps nobody waiting who has a session", async () => {
    await chain.programs.oauth2Proxy.pause();
    expect((await api()).status).toBe(200);
    chain.programs.oauth2Proxy.resume();
  });

  it("without the provider, open sessions go on and a new login is sent to the provider", async () => {
    await chain.provider.close();
    expect((await page()).status).toBe(200);
    const answer = await fetch(`${chain.origin}/sessions/a/oauth2/start`, {
      headers: { Accept: "text/html" },
      redirect: "manual",
    });
    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toContain(chain.provider.issuerUrl);
  });

  it.each([401, 403, 404, 500, 503])("an answer %i of Jupyter's own reaches the client of its API", async (status) => {
    const answer = await get(`/sessions/a/api/contents?status=${status}`, "application/json");
    expect([answer.status, await answer.text()]).toEqual([status, `upstream ${status}`]);
  });

  it("without Jupyter the server is not ready, and page and API say so", async () => {
    expect(await ready()).toBe(200);
    await chain.upstream.close();
    const [answer, ofApi] = await Promise.all([page(), api()]);
    expect([answer.status, ofApi.status, await ready()]).toEqual([502, 502, 503]);
    expect(await answer.text()).toContain("is not answering");
    expect(await ofApi.json()).toMatchObject({ error: "NotAnswering" });
    const again = await startRecordingUpstream(chain.ports.jupyter);
    await eventually("it heals by itself", async () => (await page()).status === 200);
    await again.close();
  });
});
