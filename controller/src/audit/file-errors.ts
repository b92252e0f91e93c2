import { isObject } from "../decide/values/json.ts";

/** Whether an error of the file system has one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return isObject(error) && codes.some((code) => error["code"] === code);
}

/** For `catch`: a file that is not there counts as this. */
export function absentAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (hasCode(error, "ENOENT")) return value;
    throw error;
  };
}
