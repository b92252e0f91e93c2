import type { PatchDocument } from "../index.ts";
import type { Warning } from "../../plan-facts.ts";
import { isOidc, type ChildContext } from "../child-context.ts";

/** TEMP */
export function addAccessChain(context: ChildContext, _document: PatchDocument): readonly Warning[] {
  if (!isOidc(context.server)) return [];
  return [];
}
