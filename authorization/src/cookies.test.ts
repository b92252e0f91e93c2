import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLoginCookie, loginCookieNames, sessionToEnd, splitCookies } from "./cookies.ts";

const NAME = "__Secure-amalthea-1";

describe("splitCookies", () => {
  it.each([
    { header: "", session: "", login: "", rest: "" },
    { header: `${NAME}=a|b==`, session: `${NAME}=a|b==`, login: "", rest: "" },
    {
      header: `_xsrf=1; ${NAME}=a; username-x="2|1:0"`,
      session: `${NAME}=a`,
      login: "",
      rest: '_xsrf=1; username-x="2|1:0"',
    },
    { header: `${NAME}_0=a; x=1; ${NAME}_1=b`, session: "", login: "", rest: "x=1" },
    {
      header: `${NAME}_AbC_csrf=a; ${NAME}_csrf=b`,
      session: "",
      login: `${NAME}_AbC_csrf=a; ${NAME}_csrf=b`,
      rest: "",
    },
    { header: `${NAME}2=a`, session: "", login: "", rest: `${NAME}2=a` },
    { header: `x=${NAME}=a`, session: "", login: "", rest: `x=${NAME}=a` },
    { header: `${NAME}`, session: "", login: "", rest: "" },
    { header: `;; ${NAME} = a;\tx = 1;`, session: `${NAME}=a`, login: "", rest: "x = 1" },
  ])("$header", ({ header, session, login, rest }) => {
    expect(splitCookies(header, NAME)).toEqual({ session, login, rest, isTooMuch: false });
  });

  it.each([
    `${NAME}=a; ${NAME}=b`,
    `${NAME}=a; ${NAME}_0=b`,
    `${NAME}=a; ${NAME}_9=b`,
    `${NAME}=a; ${NAME}_csrf=b`,
    `${NAME}="quoted"; ${NAME}=a`,
  ])("%s is one session, and no other by what stands beside it", (header) => {
    expect(splitCookies(header, NAME).session).toBe(`${NAME}=a`);
  });

  const many = (count: number, of: (index: number) => string): string =>
    Array.from({ length: count }, (_, i) => of(i)).join("; ");
  it.each([
    { what: "a session cookie that is too long", header: `${NAME}=${"a".repeat(4_097)}`, isTooMuch: true },
    { what: "8 logins under way", header: many(8, (i) => `${NAME}_${i}x_csrf=a`), isTooMuch: false },
    { what: "9 logins under way", header: many(9, (i) => `${NAME}_${i}x_csrf=a`), isTooMuch: true },
    { what: "19 kB of somebody else's", header: many(19, (i) => `x${i}=${"a".repeat(1_000)}`), isTooMuch: false },
    { what: "21 kB of somebody else's", header: many(21, (i) => `x${i}=${"a".repeat(1_000)}`), isTooMuch: true },
  ])("$what: too much is $isTooMuch", ({ header, isTooMuch }) => {
    const split = splitCookies(header, NAME);
    expect(split.isTooMuch).toBe(isTooMuch);
    if (isTooMuch) expect(split).toMatchObject({ session: "", login: "" });
  });

  it("too much beside a session hides it, and not from a sign-out", () => {
    const header = `${many(9, (i) => `${NAME}_${i}x_csrf=a`)}; ${many(21, (i) => `x${i}=${"a".repeat(1_000)}`)}; ${NAME}=a`;
    expect([splitCookies(header, NAME).session, sessionToEnd(header, NAME)]).toEqual(["", `${NAME}=a`]);
  });

  it("never leaves a cookie of the login for Jupyter, and loses no other", () => {
    const unit = fc.constantFrom("=", ";", " ", "_", "x", NAME, '"', ",");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (header) => {
        const { rest } = splitCookies(header, NAME);
        const given = header.split(";").map((pair) => pair.trim());
        const nameOf = (pair: string): string => (pair.split("=")[0] ?? "").trim();
        const others = given.filter((pair) => pair !== "" && !isLoginCookie(nameOf(pair), NAME));
        expect(rest === "" ? [] : rest.split("; ")).toEqual(others);
      }),
    );
  });
});

describe("loginCookieNames", () => {
  it("has each name of the login once", () => {
    expect(loginCookieNames(`${NAME}=a; x=1; ${NAME}_0=b; ${NAME}=c`, NAME)).toEqual([NAME, `${NAME}_0`]);
  });
});
