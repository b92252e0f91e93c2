import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLoginCookie, splitCookies } from "./cookies.ts";

const NAME = "__Secure-amalthea-1";

describe("splitCookies", () => {
  it.each([
    { header: "", login: "", rest: "" },
    { header: `${NAME}=a|b==`, login: `${NAME}=a|b==`, rest: "" },
    { header: `_xsrf=1; ${NAME}=a; username-x="2|1:0"`, login: `${NAME}=a`, rest: '_xsrf=1; username-x="2|1:0"' },
    { header: `${NAME}_0=a; ${NAME}_1=b; x=1`, login: `${NAME}_0=a; ${NAME}_1=b`, rest: "x=1" },
    { header: `${NAME}_AbC_csrf=a; ${NAME}_csrf=b`, login: `${NAME}_AbC_csrf=a; ${NAME}_csrf=b`, rest: "" },
    { header: `${NAME}2=a`, login: "", rest: `${NAME}2=a` },
    { header: `x=${NAME}=a`, login: "", rest: `x=${NAME}=a` },
    { header: `${NAME}`, login: NAME, rest: "" },
    { header: `;; ${NAME} = a;\tx=1;`, login: `${NAME} = a`, rest: "x=1" },
    { header: `${NAME}=a; ${NAME}=b`, login: `${NAME}=a; ${NAME}=b`, rest: "" },
  ])("$header", ({ header, login, rest }) => {
    expect(splitCookies(header, NAME)).toEqual({ login, rest });
  });

  it("never leaves a cookie of the login, and loses no other", () => {
    const unit = fc.constantFrom("=", ";", " ", "_", "x", NAME, '"', ",");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (header) => {
        const { login, rest } = splitCookies(header, NAME);
        const names = (text: string): string[] => text.split(";").map((pair) => (pair.split("=")[0] ?? "").trim());
        expect(names(rest).some((name) => isLoginCookie(name, NAME))).toBe(false);
        const all = [login, rest].filter((part) => part !== "").flatMap((part) => part.split("; "));
        const given = header.split(";").map((pair) => pair.trim());
        expect(all.sort()).toEqual(given.filter((pair) => pair !== "").sort());
      }),
    );
  });
});
