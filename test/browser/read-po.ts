/** Texts of a .po file: by msgid, or by `singular\u0002plural`, their translations. Empty ones are left out. */
export function readPo(text: string): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const block of text.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let field: string | undefined;
    for (const line of block.split("\n")) {
      const [, name, quoted] = /^(?:(msgid|msgid_plural|msgstr(?:\[\d\])?) )?(".*")$/.exec(line) ?? [];
      if (quoted === undefined) continue;
      field = name ?? field;
      if (field !== undefined) fields.set(field, (fields.get(field) ?? "") + (JSON.parse(quoted) as string));
    }
    const id = fields.get("msgid");
    if (id === undefined || id === "") continue;
    const plural = fields.get("msgid_plural");
    const forms = [...fields].filter(([name]) => name.startsWith("msgstr")).map(([, form]) => form);
    if (forms.every((form) => form !== "")) found.set(plural === undefined ? id : `${id}\u0002${plural}`, forms);
  }
  return found;
}
