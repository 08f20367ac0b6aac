import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { suite, test } from "node:test";
import { bashCompletion } from "../../src/cli/completion.ts";
import { commands } from "../../src/cli/commands.ts";
import { parseArguments } from "../../src/cli/parse-arguments.ts";

/** What bash offers after these words; `|` ends the last one. */
function offered(words: readonly string[]): string[] {
  const script = `${bashCompletion()}
dots-callhome() { printf 'ID  STATE\\n17  pending\\n4   pending\\n\\nTo stop it: x\\n'; }
COMP_WORDS=(dots-callhome "$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _dots_callhome; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", script, "bash", ...words], { encoding: "utf8" }).split("\n").filter((line) => line !== "");
}

suite("shell completion", () => {
  test("is printed by --completion", () => {
    assert.deepEqual(parseArguments(["--completion"]), { is: "help", text: bashCompletion() });
  });

  test("offers commands, options, and the words that they take", () => {
    assert.deepEqual(offered([""]), [...Object.keys(commands), "--help", "--version"]);
    assert.deepEqual(offered(["re"]), ["release", "reconnect"]);
    assert.deepEqual(offered(["approve", "--"]), ["--action", "--for", "--config", "--json", "--help"]);
    assert.deepEqual(offered(["approve", "17", "--action", ""]), ["block", "limit", "quarantine"]);
    assert.deepEqual(offered(["list", "--state", "p"]), ["pending"]);
    assert.deepEqual(offered(["policy", "aa:bb:cc:dd:ee:ff", "a"]), ["ask", "auto"]);
    assert.deepEqual(offered(["approve", "--for", ""]), []);
  });

  test("asks the daemon for the numbers that can be decided", () => {
    assert.deepEqual(offered(["approve", "1"]), ["17"]);
    assert.deepEqual(offered(["deny", ""]).slice(-2), ["17", "4"]);
    assert.deepEqual(offered(["approve", "17", ""]).includes("4"), false);
  });
});
