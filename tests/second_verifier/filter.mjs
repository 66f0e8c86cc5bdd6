// Which events a filter means (docs/evidence.md, the head's `query`).

import { isIP } from "node:net";
import { need } from "./event.mjs";

const SLOTS = {
  activity: [2], status: [3], method: [4], "actor.id": [5], "actor.email": [6, "email"],
  role: [7, "role"], user_status: [7, "status"], ip: [8], platform: [9, "platform"],
  source: [15, "source"],
};

export function checkQuery(query) {
  need(query instanceof Map, "no filter");
  for (const [name, asked] of query) {
    if (name === "from" || name === "to") need(typeof asked === "bigint", "a time that is none");
    else if (Object.hasOwn(SLOTS, name)) {
      need(Array.isArray(asked) && asked.length > 0, "a filter that is none");
      need(asked.every((one) => typeof one === "string" && one !== ""), "a filter that is none");
      if (name === "ip") asked.forEach(networkOf);
    }
  }
}

export const unknownOf = (query) =>
  [...query.keys()].filter((name) => !Object.hasOwn(SLOTS, name) && !["from", "to"].includes(name));

/** true and false as far as the known slots tell, undefined where they do not. */
export function fits(query, time, known) {
  if (query.has("from") && time < query.get("from")) return false;
  if (query.has("to") && time >= query.get("to")) return false;
  let sure = true;
  for (const [name, asked] of query) {
    if (!Object.hasOwn(SLOTS, name)) continue;
    const [slot, key] = SLOTS[name];
    if (!known.has(slot)) sure = undefined;
    else if (!asked.some((wanted) => meets(name, valueOf(known.get(slot), key), wanted))) return false;
  }
  return sure;
}

function valueOf(slot, key) {
  const value = key === undefined || slot === undefined ? slot : slot.get(key);
  return value ?? undefined;
}

function meets(name, value, wanted) {
  if (value === undefined) {
    return (name === "user_status" && wanted === "active") || (name === "source" && wanted === "none");
  }
  need(typeof value === "string", "a value of another type");
  if (name === "ip") return within(value, wanted);
  if (name === "actor.email") return value.toLowerCase() === wanted.toLowerCase();
  const isPrefix = wanted.endsWith("*") && (name === "activity" || name === "source");
  return value === wanted || (isPrefix && value.startsWith(wanted.slice(0, -1)));
}

function addressOf(text) {
  const family = isIP(text);
  need(family !== 0, "no address");
  if (family === 4) return { bits: 32n, value: BigInt(numberOf(text)) };
  const dotted = /^(.*:)([0-9.]+)$/.exec(text);
  const plain = dotted?.[2].includes(".")
    ? dotted[1] + [numberOf(dotted[2]) >>> 16, numberOf(dotted[2]) & 0xffff].map((n) => n.toString(16)).join(":")
    : text;
  const [left, right] = plain.split("::").map((half) => half.split(":").filter(Boolean));
  const zeros = new Array(8 - left.length - (right?.length ?? 0)).fill("0");
  const groups = right === undefined ? left : [...left, ...zeros, ...right];
  return { bits: 128n, value: groups.reduce((made, one) => (made << 16n) + BigInt(`0x${one}`), 0n) };
}

const numberOf = (text) => text.split(".").reduce((made, part) => made * 256 + Number(part), 0);

function networkOf(text) {
  const [address, width] = text.split("/");
  const { bits, value } = addressOf(address);
  need(width === undefined || /^(0|[1-9][0-9]{0,2})$/.test(width), "no network");
  const free = bits - BigInt(width ?? bits);
  need(free >= 0n && value === (value >> free) << free, "a network with host bits");
  return { bits, free, value };
}

function within(text, wanted) {
  const [address, network] = [addressOf(text), networkOf(wanted)];
  return address.bits === network.bits && address.value >> network.free === network.value >> network.free;
}
