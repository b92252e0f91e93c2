import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseUserInfo } from "./identity.ts";

describe("parseUserInfo", () => {
  it.each([
    {
      text: '{"user":"u","email":"a@b","groups":["x,y","z"]}',
      identity: { userId: "u", email: "a@b", groups: ["x,y", "z"] },
    },
    { text: '{"user":"u","email":""}', identity: { userId: "u", email: "", groups: [] } },
    { text: '{"user":"u","email":1,"groups":[1,"a"]}', identity: { userId: "u", email: "", groups: ["a"] } },
    { text: '{"user":"u","groups":"a,b"}', identity: { userId: "u", email: "", groups: [] } },
    { text: "{}", identity: undefined },
    { text: '{"user":""}', identity: undefined },
    { text: '{"user":["u"]}', identity: undefined },
    { text: "[]", identity: undefined },
    { text: "null", identity: undefined },
    { text: "OK", identity: undefined },
    { text: "", identity: undefined },
  ])("$text → $identity", ({ text, identity }) => {
    expect(parseUserInfo(text)).toEqual(identity);
  });

  it("never throws and never gives an empty user", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseUserInfo(text)?.userId).not.toBe("");
      }),
    );
  });
});
