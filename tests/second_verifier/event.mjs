// The leaf of an event, and the tree over leaves (docs/evidence.md, “The leaf”, “The tree”).

import { createHash } from "node:crypto";
import { canonical } from "./json.mjs";

const PLAIN = new Map(
  Object.entries({
    id: 0, received_at: 1, activity: 2, status: 3, method: 4, ip: 8,
    targets: 11, changes: 12, metadata: 13, idempotency_key: 14,
  }),
);
const GROUPED = new Map(
  Object.entries({
    user_agent: 9, platform: 9, browser: 9,
    path: 10, status_code: 10, duration_ms: 10, request_id: 10,
  }),
);
const ACTOR = new Map(Object.entries({ id: 5, name: 6, email: 6, role: 7, status: 7 }));
const BESIDE = new Set(["seq", "occurred_at", "workspace", "actor"]);
const MOMENT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{6}))?(?:Z|\+00:00)$/;

export const NAMES = [
  "id", "received_at", "activity", "status", "method", "actor.id", "actor.name or actor.email",
  "actor.role or actor.status", "ip", "user_agent, platform or browser",
  "path, status_code, duration_ms or request_id", "targets", "changes", "metadata",
  "idempotency_key", "source or a field that was added",
];

export const sha256 = (...data) => createHash("sha256").update(Buffer.concat(data)).digest();
const bytes = (...numbers) => Buffer.from(numbers);
export const node = (left, right) => sha256(bytes(1), left, right);

export function need(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

export function base64(text, size) {
  need(typeof text === "string", "base64 of another type");
  const data = Buffer.from(text, "base64");
  need(data.toString("base64") === text && (size === undefined || data.length === size), "bad base64");
  return data;
}

export function micros(text) {
  need(typeof text === "string", "no time");
  const found = MOMENT.exec(text);
  need(found, "a time of another form");
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const made = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  need(made.toISOString().slice(0, 19) === text.slice(0, 19), "a time that is none");
  return BigInt(made.getTime()) * 1000n + BigInt(found[7] ?? 0);
}

/** The sixteen slots of an event; undefined where it has nothing. */
export function slotsOf(event) {
  const made = new Array(16).fill(undefined);
  const add = (slot, name, value) => {
    made[slot] ??= new Map();
    made[slot].set(name, value);
  };
  for (const [name, value] of event) {
    if (PLAIN.has(name)) made[PLAIN.get(name)] = value ?? undefined;
    else if (GROUPED.has(name)) add(GROUPED.get(name), name, value);
    else if (!BESIDE.has(name)) add(15, name, value);
  }
  made[1] = micros(made[1]);
  need(event.get("actor") instanceof Map, "no actor");
  for (const [name, value] of event.get("actor")) {
    need(ACTOR.has(name), "the actor has an unknown member");
    if (name === "id") made[5] = value ?? undefined;
    else add(ACTOR.get(name), name, value);
  }
  return made;
}

export function saltsOf(line) {
  if (line.has("seed")) {
    const seed = base64(line.get("seed"), 16);
    const all = createHash("shake256", { outputLength: 256 }).update(seed).digest();
    return Array.from({ length: 16 }, (_, at) => all.subarray(16 * at, 16 * at + 16));
  }
  const salts = line.get("salts");
  need(Array.isArray(salts) && salts.length === 16, "not sixteen salts");
  return salts.map((salt) => base64(salt, 16));
}

export function slotHash(slot, salt, value) {
  const written = value === undefined ? bytes(0) : Buffer.from(`\u0001${canonical(value)}`);
  return sha256(bytes(0), salt, bytes(slot), written);
}

export function leafHash(seq, time, fields) {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(seq), 0);
  numbers.writeBigInt64BE(time, 8);
  return sha256(bytes(0, 1), numbers, fields);
}

/** The hash of the leaves low … high; subtrees that hold none of first … last are given. */
export function fold(low, high, first, last, leaf, given) {
  if (high <= first || low >= last) return given();
  if (high - low === 1n) return leaf(low);
  let half = 1n;
  while (half * 2n < high - low) half *= 2n;
  const left = fold(low, low + half, first, last, leaf, given);
  return node(left, fold(low + half, high, first, last, leaf, given));
}

export const fieldsOf = (hashes) => fold(0n, 16n, 0n, 16n, (at) => hashes[Number(at)], undefined);
