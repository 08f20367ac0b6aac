import { isVisible } from "../cbor/schema.ts";

/** Where a request goes: the operation and its Uri-Path parameters (RFC 9132 §4.2, §4.4.1). */
export interface DotsPath {
  readonly operation: "mitigate" | "config" | "hb" | "redirect";
  readonly cuid?: string;
  readonly mid?: number;
  readonly sid?: number;
}

/**
 * Reads the path segments. `not-found`: no operation of DOTS. A text: what is wrong with the parameters (4.00).
 * cdid is skipped: we trust no gateway to supply it (RFC 9132 §4.4.1.2).
 */
export function readDotsPath(path: readonly string[]): DotsPath | "not-found" | { readonly wrong: string } {
  const [wellKnown, dots, operation, ...rest] = path;
  if (wellKnown !== ".well-known" || dots !== "dots") return "not-found";
  const parameters = operation === "mitigate" && rest[0]?.startsWith("cdid=") && rest[0].length > 5 ? rest.slice(1) : rest;
  switch (operation) {
    case "mitigate":
      return readParameters(operation, ["cuid", "mid"], parameters);
    case "redirect":
      return readParameters(operation, ["cuid", "mid"], parameters); // RFC 9066 figure 9 has them
    case "config":
      return readParameters(operation, ["sid"], parameters);
    case "hb":
      return readParameters(operation, [], parameters); // §4.7: MUST NOT have a 'cuid', 'cdid', or 'mid'
    default:
      return "not-found";
  }
}

type Parameter = "cuid" | "mid" | "sid";

function readParameters(operation: DotsPath["operation"], expected: readonly Parameter[], segments: readonly string[]): DotsPath | { readonly wrong: string } {
  const values: { cuid?: string; mid?: number; sid?: number } = {};
  let next = 0;
  for (const segment of segments) {
    const equals = segment.indexOf("=");
    const name = segment.slice(0, Math.max(equals, 0));
    const value = segment.slice(equals + 1);
    const position = expected.findIndex((each) => each === name);
    // The order of the options defines the resource: 'mid' MUST follow 'cuid' (RFC 9132 §4.4.1.1).
    if (position < next) return { wrong: `unexpected Uri-Path parameter after '${operation}'` };
    next = position + 1;
    if (value === "") return { wrong: `empty Uri-Path parameter '${name}'` };
    if (name === "cuid") {
      if (value.length > 128) return { wrong: "cuid too long" };
      if (!isVisible(value)) return { wrong: "cuid with a control or invisible character" };
      values.cuid = value;
    } else {
      const number = /^(0|[1-9]\d{0,9})$/.test(value) ? Number(value) : NaN;
      if (!(number <= 0xffff_ffff)) return { wrong: `'${name}' must be an integer from 0 to 4294967295` };
      values[name === "mid" ? "mid" : "sid"] = number;
    }
  }
  if (values.mid !== undefined && values.cuid === undefined) return { wrong: "'mid' without 'cuid'" };
  return { operation, ...values };
}
