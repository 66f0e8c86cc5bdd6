// JSON as docs/evidence.md reads and writes it: strictly, whole numbers in full (as BigInt), and in
// one canonical form. A number that is not whole is a JavaScript number, an object is a Map.

const DEEPEST = 200;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS = { true: true, false: false, null: null };

export function parse(text) {
  let at = 0;

  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    at += found ? found[0].length : 0;
    return found;
  };
  const space = () => take(SPACE);
  const expect = (mark) => {
    space();
    if (text[at] !== mark) throw new Error(`no ${mark} where one belongs`);
    at += 1;
  };
  const next = () => (space(), text[at]);

  function string() {
    const found = take(TEXT);
    if (!found) throw new Error("a text of another form");
    const value = JSON.parse(found[0]);
    if (/\p{Surrogate}/u.test(value)) throw new Error("half of a surrogate pair");
    return value;
  }

  function number() {
    const found = take(NUMBER);
    if (!found) throw new Error("no JSON");
    if (found[1] === undefined && found[2] === undefined) return BigInt(found[0]);
    if (!Number.isFinite(Number(found[0]))) throw new Error("a number beyond a double");
    return Number(found[0]);
  }

  function members(deep) {
    const made = new Map();
    for (let more = next() !== "}"; more; ) {
      space();
      const name = string();
      if (made.has(name)) throw new Error("a name stands twice in one object");
      expect(":");
      made.set(name, value(deep));
      more = next() === ",";
      if (more) at += 1;
    }
    expect("}");
    return made;
  }

  function items(deep) {
    const made = [];
    for (let more = next() !== "]"; more; ) {
      made.push(value(deep));
      more = next() === ",";
      if (more) at += 1;
    }
    expect("]");
    return made;
  }

  function value(deep) {
    if (deep > DEEPEST) throw new Error("nested deeper than any event");
    const mark = next();
    if (mark === '"') return string();
    if (mark === "{" || mark === "[") {
      at += 1;
      return mark === "{" ? members(deep + 1) : items(deep + 1);
    }
    for (const [word, meant] of Object.entries(WORDS)) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meant;
      }
    }
    return number();
  }

  const made = value(0);
  space();
  if (at !== text.length) throw new Error("more than one JSON value");
  return made;
}

function byCodePoint(left, right) {
  const [a, b] = [[...left], [...right]].map((text) => text.map((one) => one.codePointAt(0)));
  const at = a.findIndex((point, index) => point !== b[index]);
  if (at < 0) return a.length - b.length;
  return at >= b.length ? 1 : a[at] - b[at];
}

export function canonical(value) {
  if (value instanceof Map) {
    const names = [...value.keys()].sort(byCodePoint);
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value.get(name))}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
