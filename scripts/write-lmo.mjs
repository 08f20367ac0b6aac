// LuCI's form of translations, .lmo: what its po2lmo makes of a .po file (luci, modules/luci-base/src/po2lmo.c and lib/lmo.c say how it is
// read). Texts, each padded to four bytes; then an index, sorted by hash; then the index's offset. Numbers are big-endian.

/** A .po file as a .lmo file. */
export function lmoOf(po) {
  const entries = messagesIn(po).flatMap(entriesOf).sort((a, b) => a.key - b.key);
  const texts = [];
  const index = [];
  let offset = 0;
  for (const entry of [...entries].sort((a, b) => a.order - b.order)) {
    entry.offset = offset;
    const padded = Buffer.alloc((entry.text.length + 3) & ~3);
    entry.text.copy(padded);
    texts.push(padded);
    offset += padded.length;
  }
  for (const { key, forms, text, offset } of entries) index.push(words(key, forms, offset, text.length));
  return Buffer.concat([...texts, ...index, words(offset)]);
}

/** The hash by which LuCI finds a text: Paul Hsieh's SuperFastHash over UTF-8, begun with the length. */
export function hashOf(text) {
  const bytes = Buffer.from(text);
  if (bytes.length === 0) return 0;
  const signed = (at) => bytes.readInt8(at);
  const whole = bytes.length & ~3;
  let hash = bytes.length;
  for (let at = 0; at < whole; at += 4) {
    hash = (hash + bytes.readUInt16LE(at)) >>> 0;
    hash = ((hash << 16) ^ (bytes.readUInt16LE(at + 2) << 11) ^ hash) >>> 0;
    hash = (hash + (hash >>> 11)) >>> 0;
  }
  const more = (shiftLeft, shiftRight) => {
    hash = (hash ^ (hash << shiftLeft)) >>> 0;
    hash = (hash + (hash >>> shiftRight)) >>> 0;
  };
  if (bytes.length - whole === 3) {
    hash = (hash + bytes.readUInt16LE(whole)) >>> 0;
    hash = (hash ^ (hash << 16) ^ (signed(whole + 2) << 18)) >>> 0;
    hash = (hash + (hash >>> 11)) >>> 0;
  } else if (bytes.length - whole === 2) {
    hash = (hash + bytes.readUInt16LE(whole)) >>> 0;
    more(11, 17);
  } else if (bytes.length - whole === 1) {
    hash = (hash + signed(whole)) >>> 0;
    more(10, 1);
  }
  more(3, 5);
  more(4, 17);
  more(25, 6);
  return hash;
}

/** The keys are those of LuCI's readers: context, then \1; the number of the plural form behind \2. */
function entriesOf({ msgctxt: context = "", msgid: id = "", msgid_plural: plural, forms }, order) {
  if (id === "") {
    const rule = /(?:^|\\n)Plural-Forms: (.*?)\\n/.exec(forms[0] ?? "")?.[1];
    return rule === undefined ? [] : [{ key: 0, forms: 0, text: Buffer.from(rule), order }];
  }
  return forms.flatMap((text, form) => {
    const key = hashOf(`${context === "" ? "" : `${context}\x01`}${id}${plural === undefined ? "" : `\x02${form}`}`);
    // Untranslated, or the same in both languages: the reader shows the original.
    return text === "" || key === hashOf(text) ? [] : [{ key, forms: forms.length, text: Buffer.from(text), order: order + form / 16 }];
  });
}

/** The messages of a .po file: their fields, and `forms`, their translations. */
function messagesIn(po) {
  const messages = [];
  let message;
  let add = () => undefined;
  for (const line of po.split("\n")) {
    const [, field, form, quoted] = /^(?:(msgctxt|msgid|msgid_plural|msgstr)(?:\[(\d)\])? )?"(.*)"$/.exec(line) ?? [];
    if (quoted === undefined) continue; // comments, #~ obsolete ones included, and empty lines
    if (field === "msgctxt" || field === "msgid" && (message === undefined || message.forms.length > 0)) messages.push(message = { forms: [] });
    if (field === "msgstr")
      add = (text) => {
        message.forms[Number(form ?? 0)] = (message.forms[Number(form ?? 0)] ?? "") + text;
      };
    else if (field !== undefined)
      add = (text) => {
        message[field] = (message[field] ?? "") + text;
      };
    add(quoted.replace(/\\(["\\])/g, "$1"));
  }
  return messages;
}

function words(...numbers) {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, at) => bytes.writeUInt32BE(number, 4 * at));
  return bytes;
}
