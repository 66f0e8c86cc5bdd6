// A second verifier of files and events, written from docs/evidence.md alone.
//
//   node verify.mjs FILE PROOF KEY     ends with 0, 1, 2 or 3, as that page says
//   node verify.mjs --cases < CASES    a JSON list of [FILE, PROOF, KEY]; prints a list of answers
//   node verify.mjs --proofs FILE      a file of bench/interop.py; prints how many of each kind hold

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import {
  NAMES, base64, fieldsOf, fold, leafHash, micros, need, saltsOf, slotHash, slotsOf,
} from "./event.mjs";
import { checkQuery, fits, unknownOf } from "./filter.mjs";
import { canonical, parse } from "./json.mjs";
import { nameOf, open } from "./note.mjs";
import { count } from "./proofs.mjs";

const LONGEST = 64 << 20;
const QUARTER = 900_000_000n;
const NEVER = -(1n << 63n);
const TLOG = "c2sp.org/tlog-proof@v1";

function linesOf(data) {
  const packed = data[0] === 0x1f && data[1] === 0x8b;
  const plain = packed ? unpacked(data) : data;
  const lines = [];
  for (let at = 0; at < plain.length; ) {
    const end = plain.indexOf(10, at);
    lines.push(plain.subarray(at, end < 0 ? plain.length : end + 1));
    at = end < 0 ? plain.length : end + 1;
  }
  return lines;
}

function unpacked(data) {
  const { buffer, engine } = gunzipSync(data, { maxOutputLength: LONGEST, info: true });
  need(engine.bytesWritten === data.length, "more behind the packed end");
  return buffer;
}

const textOf = (data) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);

function objectOf(data) {
  const value = parse(textOf(data));
  need(value instanceof Map, "no JSON object");
  return value;
}

function wholeOf(value, least = NEVER, most = -NEVER - 1n) {
  need(typeof value === "bigint" && value >= least && value <= most, "no such number");
  return value;
}

function looksErased(slot, value) {
  if (slot === 5) return typeof value === "string" && /^erased-[0-9a-f]{12}$/.test(value);
  if (slot === 9) return value !== undefined && canonical(value) === '{"browser":"","platform":"Other"}';
  return value === undefined;
}

/** The slots of a row and their hashes; of erased ones the hash alone. */
function readRow(row, line) {
  const [slots, salts, known] = [slotsOf(row), saltsOf(line), new Map()];
  const erased = line.get("erased") ?? new Map();
  need(erased instanceof Map, "erased slots of another form");
  for (const name of erased.keys()) {
    need(/^([5-9]|1[0-4])$/.test(name), "a slot that cannot be erased");
    need(looksErased(Number(name), slots[Number(name)]), `${NAMES[Number(name)]} is erased, and is there`);
  }
  const hashes = slots.map((value, slot) => {
    if (erased.has(String(slot))) return base64(erased.get(String(slot)), 32);
    known.set(slot, value);
    return slotHash(slot, salts[slot], value);
  });
  return { hashes, known };
}

function checkMark(line, leaf, hashes) {
  if (!line.has("mark")) return;
  const mark = base64(line.get("mark"));
  const differs = [leaf, ...hashes].map((hash, at) => !mark.subarray(2 * at, 2 * at + 2).equals(hash.subarray(0, 2)));
  const slot = differs.indexOf(true, 1) - 1;
  need(slot < 0, `${NAMES[slot]} is not as it was written`);
  need(!differs[0], "occurred_at is not as it was written");
}

function openSlot(line) {
  need(Array.isArray(line.get("open")) && line.get("open").length === 3, "an open slot of another form");
  const [slot, salt, value] = line.get("open");
  const at = wholeOf(slot, 0n, 15n);
  need(Array.isArray(line.get("path")), "no path");
  const path = line.get("path").map((text) => base64(text, 32));
  const hash = slotHash(Number(at), base64(salt, 16), value ?? undefined);
  const given = () => path.shift() ?? need(false, "the path is too short");
  const fields = fold(0n, 16n, at, at + 1n, () => hash, given);
  need(path.length === 0, "the path is too long");
  return { fields, known: new Map([[Number(at), value ?? undefined]]) };
}

/** Checks rows and proof against a checkpoint of the key; returns what was shown. */
function check(head, lines, rows, given) {
  const key = newest(given, head);
  const { size, root } = open(head.get("checkpoint"), key);
  const first = wholeOf(head.get("first"), 1n, size);
  const last = wholeOf(head.get("last"), first, size);
  const query = head.get("query");
  const shown = { key, rows: 0, out: 0, hidden: 0, gone: 0, removed: 0, unread: 0, early: false };
  need(Array.isArray(head.get("outside")), "no hashes beside");
  const outside = head.get("outside").map((text) => base64(text, 32));

  const leafOf = (index) => {
    const seq = index + 1n;
    need(lines.length > 0, "the proof ends too early");
    const line = objectOf(lines.shift());
    return wholeOf(line.get("in") ?? 0n, 0n, 1n) ? rowLeaf(seq, line) : otherLeaf(seq, line);
  };

  const rowLeaf = (seq, line) => {
    shown.rows += 1;
    need(rows.length > 0, `row ${shown.rows}, number ${seq}: it is missing`);
    try {
      const row = objectOf(rows.shift());
      need(wholeOf(row.get("seq")) === seq, "it has another number");
      const { hashes, known } = readRow(row, line);
      const time = micros(row.get("occurred_at"));
      const leaf = leafHash(seq, time, fieldsOf(hashes));
      checkMark(line, leaf, hashes);
      const fit = fits(query, time, known);
      need(fit !== false, "the filter does not ask for it");
      shown.unread += fit === undefined ? 1 : 0;
      return leaf;
    } catch (error) {
      throw new Error(`row ${shown.rows}, number ${seq}: ${error.message}`);
    }
  };

  const otherLeaf = (seq, line) => {
    const time = wholeOf(line.get("t"));
    const { fields, known } = line.has("open")
      ? openSlot(line)
      : { fields: base64(line.get("root"), 32), known: new Map() };
    const received = known.get(1);
    const early = seq === first && known.has(1) && query.has("from")
      && wholeOf(received) < query.get("from") - QUARTER;
    shown.early ||= early;
    if (time === NEVER && fields.every((one) => one === 0)) shown.removed += 1;
    else if (early || fits(query, time, known) === false) shown.out += 1;
    else if (line.get("gone") === 1n && time < head.get("cut")) shown.gone += 1;
    else shown.hidden += 1;
    return leafHash(seq, time, fields);
  };

  const beside = () => outside.shift() ?? need(false, "too few hashes beside");
  const found = fold(0n, size, first - 1n, last, leafOf, beside);
  need(found.equals(root) && outside.length === 0, "it is not what the log holds");
  need(rows.length === 0 && lines.length === 0, "something is left over");
  return { ...shown, first, last, size };
}

/** Follows the log's own records of new keys from the key that is known. */
function newest(key, head) {
  let at = key;
  for (const step of head.get("keys") ?? []) {
    if (step.get("key") !== at) continue;
    const next = ownRecord(step, at, "tree.key_rotate").get("key");
    need(nameOf(next) === nameOf(at), "a record that leads into another log");
    at = next;
  }
  return at;
}

function ownRecord(record, key, activity) {
  need(record instanceof Map && record.get("event") instanceof Map, "no record");
  const event = record.get("event");
  const { head, line } = single(record.get("proof"));
  check(head, [line], [Buffer.from(canonical(event))], key);
  need(event.get("activity") === activity && event.get("source") === "product", "no record of the log's own");
  need(event.get("metadata") instanceof Map, "a record without metadata");
  return event.get("metadata");
}

/** The proof of one event, brought into the form of the proof of a file. */
function single(text) {
  need(typeof text === "string", "no proof");
  const end = text.indexOf("\n\n");
  const [kind, extra, index, ...path] = text.slice(0, end).split("\n");
  const note = text.slice(end + 2);
  need(kind === TLOG && extra?.startsWith("extra ") && /^index (0|[1-9][0-9]{0,18})$/.test(index), "no proof of an event");
  const more = objectOf(base64(extra.slice(6)));
  const at = BigInt(index.slice(6));
  let [low, high] = [0n, BigInt(/^[^\n]*\n([0-9]{1,19})\n/.exec(note)?.[1] ?? 0)];
  const [before, after] = [[], []];
  for (const hash of path.reverse()) {
    need(high - low > 1n, "the path is too long");
    let half = 1n;
    while (half * 2n < high - low) half *= 2n;
    if (at < low + half) [high] = [low + half, after.unshift(hash)];
    else [low] = [low + half, before.push(hash)];
  }
  const head = new Map([
    ["checkpoint", note], ["first", at + 1n], ["last", at + 1n], ["query", new Map()], ["cut", 0n],
    ["outside", [...before, ...after]], ["keys", more.get("keys")],
  ]);
  return { head, line: Buffer.from(canonical(new Map([...more, ["in", 1n]]))) };
}

function checkFile(data, lines, key) {
  const head = objectOf(lines.shift());
  need(head.get("format") === "auditsaas-proof-v1", "a proof of another form");
  checkQuery(head.get("query"));
  wholeOf(head.get("cut"));
  const rows = linesOf(data);
  const digest = createHash("sha256");
  rows.forEach((row) => digest.update(row));
  const shown = check(head, lines, rows, key);
  need(digest.digest("hex") === head.get("sha256"), "it is not the file that was made");
  const doubts = unknownOf(head.get("query")).map((name) => `what ${JSON.stringify(name)} means`);
  if (shown.hidden) doubts.push(`nothing is shown of ${shown.hidden}`);
  if (shown.unread) doubts.push(`${shown.unread} are erased under the filter`);
  if (shown.gone && !isRecorded(head, shown.key)) doubts.push(`${shown.gone} are said to be removed`);
  return { code: doubts.length ? 3 : 0, words: [`${shown.rows} rows proven`, ...doubts].join("; ") };
}

function isRecorded(head, key) {
  if (!head.has("retention")) return false;
  return micros(ownRecord(head.get("retention"), key, "retention.apply").get("before")) >= head.get("cut");
}

function verify(file, proof, key) {
  try {
    const [data, text] = [readFileSync(file), readFileSync(proof)];
    try {
      const lines = linesOf(text);
      need(lines.length > 0, "no proof");
      if (!lines[0].equals(Buffer.from(`${TLOG}\n`))) return checkFile(data, lines, key);
      const { head, line } = single(textOf(Buffer.concat(lines)));
      const shown = check(head, [line], [Buffer.concat(linesOf(data))], key);
      return { code: 0, words: `number ${shown.first} of ${shown.size} proven` };
    } catch (error) {
      return { code: 1, words: `refused: ${error.message}` };
    }
  } catch (error) {
    return { code: 2, words: error.message };
  }
}

const [, , ...given] = process.argv;
if (given[0] === "--cases") {
  const cases = JSON.parse(readFileSync(0, "utf-8"));
  process.stdout.write(JSON.stringify(cases.map((one) => verify(...one))));
} else if (given[0] === "--proofs" && given.length === 2) {
  console.log(JSON.stringify(count(JSON.parse(readFileSync(given[1], "utf-8")))));
} else if (given.length === 3) {
  const { code, words } = verify(...given);
  console.log(words);
  process.exitCode = code;
} else {
  console.error("node verify.mjs FILE PROOF KEY");
  process.exitCode = 2;
}
